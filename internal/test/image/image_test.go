//go:build linux

package image

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func describe(name string, info fs.FileInfo) string {
	owner := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%s %s %d:%d %s", info.Mode(), name, owner.Uid, owner.Gid, info.ModTime().UTC().Format(time.DateTime))
}

// inspected holds the parts of `podman image inspect` that people rely on.
type inspected struct {
	ID     string `json:"Id"`
	Size   int64
	User   string
	RootFS struct{ Layers []string }
	Config struct {
		Entrypoint, Cmd, Env  []string
		WorkingDir            string
		Labels                map[string]string
		Volumes, ExposedPorts map[string]struct{}
	}
	HealthCheck struct {
		Test                           []string
		Interval, Timeout, StartPeriod time.Duration
	}
	Created time.Time
}

func (e *engine) inspect(image string) inspected {
	e.t.Helper()
	var all []inspected
	if err := json.Unmarshal([]byte(e.podman("image", "inspect", image)), &all); err != nil {
		e.t.Fatal(err)
	}
	return all[0]
}

func TestImage(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	authority := newAuthority(t)
	flags := e.makeGoImage(authority.pem)
	e.build(root(t), "localhost/first", flags)
	e.build(e.copySources(), "localhost/second", flags)
	first, second := e.inspect("localhost/first"), e.inspect("localhost/second")

	t.Run("same bytes", func(t *testing.T) {
		// Compare layers instead of image ids: buildah writes the id of its build container
		// into configurations in Docker's format, which HEALTHCHECK needs.
		if len(first.RootFS.Layers) == 0 || !cmp.Equal(first.RootFS.Layers, second.RootFS.Layers) {
			t.Errorf("layers %q, but %q from the same sources elsewhere", first.RootFS.Layers, second.RootFS.Layers)
		}
		binary := e.path("program")
		e.run(root(t), "make", append([]string{"--silent", "build", "BINARY=" + binary, "BRANCH=HEAD"}, stamp...)...)
		if !bytes.Equal(read(t, binary), read(t, e.mounted("localhost/first")+"/bin/omegastream_exporter")) {
			t.Error("make build and the Dockerfile give different programs")
		}
		t.Logf("image %.12s, %d layers, %.1f MB", first.ID, len(first.RootFS.Layers), float64(first.Size)/1e6)
	})
	t.Run("content", func(t *testing.T) {
		const at = "2024-01-02 03:04:05"
		want := []string{
			"drwxr-xr-x bin 0:0 " + at,
			"-rwxr-xr-x bin/omegastream_exporter 0:0 " + at,
			"drwxr-xr-x data 65534:65534 " + at,
			"drwxr-xr-x etc 0:0 " + at,
			"drwxr-xr-x etc/ssl 0:0 " + at,
			"drwxr-xr-x etc/ssl/certs 0:0 " + at,
			"-rw-r--r-- etc/ssl/certs/ca-certificates.crt 0:0 " + at,
		}
		var got, licenses []string
		for _, file := range files(t, e.mounted("localhost/first")) {
			if strings.HasPrefix(file, "licenses") {
				licenses = append(licenses, file)
			} else {
				got = append(got, file)
			}
		}
		for _, want := range []string{"licenses/LICENSE", "licenses/go/LICENSE", "licenses/go.etcd.io/bbolt/LICENSE", "licenses/github.com/prometheus/common/NOTICE"} {
			if !slices.Contains(licenses, want) {
				t.Errorf("no %s in %q", want, licenses)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("configuration", func(t *testing.T) {
		want := first
		want.User, want.Created = "65534:65534", stamped
		want.Config.Entrypoint, want.Config.Cmd, want.Config.WorkingDir = []string{"/bin/omegastream_exporter"}, nil, "/"
		want.Config.Volumes = map[string]struct{}{"/data": {}}
		want.Config.ExposedPorts = map[string]struct{}{"9877/tcp": {}}
		want.Config.Labels = map[string]string{
			"io.buildah.version":                   first.Config.Labels["io.buildah.version"],
			"org.opencontainers.image.title":       "omegastream_exporter",
			"org.opencontainers.image.description": "Prometheus exporter for the webhooks of an OmegaStream account",
			"org.opencontainers.image.version":     "1.2.3-test",
			"org.opencontainers.image.revision":    "0123456789abcdef0123456789abcdef01234567",
			"org.opencontainers.image.licenses":    "Apache-2.0",
		}
		want.HealthCheck.Test = []string{"CMD", "/bin/omegastream_exporter", "healthcheck"}
		want.HealthCheck.Interval, want.HealthCheck.Timeout, want.HealthCheck.StartPeriod = 30*time.Second, 5*time.Second, 30*time.Second
		if diff := cmp.Diff(want, first); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("serves", func(t *testing.T) { serves(t, e, "localhost/first", authority) })
	t.Run("as the README says", func(t *testing.T) { asTheReadmeSays(t, e, "localhost/first") })
	t.Run("pods", func(t *testing.T) { pods(t, e, "localhost/first") })
	t.Run("other flags", func(t *testing.T) { otherFlags(t, e, "localhost/first") })
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
