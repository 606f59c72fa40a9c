//go:build linux

package image

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
)

// authority is the CA of the simulated API's certificate.
type authority struct {
	pem    string
	server tls.Certificate
}

// newAuthority creates a CA that only the image of this test trusts.
func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of a test"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return authority{
		pem:    string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		server: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
	}
}

// serves runs the image with a simulated API over TLS, stops it, and runs it again with the
// same volume.
func serves(t *testing.T, e *engine, image string, ca authority) {
	account := simulator.New(simulator.Options{})
	endpoint := account.AddEndpoint(simulator.Endpoint{Active: true})
	api := httptest.NewUnstartedServer(account)
	api.TLS = &tls.Config{Certificates: []tls.Certificate{ca.server}}
	api.StartTLS()
	defer api.Close()
	_, apiPort, _ := net.SplitHostPort(api.Listener.Addr().String())

	key := e.write("key", simulator.DefaultKey)
	address := freeAddress(t)
	start := func(name string) {
		e.podman("run", "--detach", "--name", name, "--read-only", "--read-only-tmpfs=false", "--cap-drop", "all",
			"--security-opt", "no-new-privileges", "--volume", "ledger:/data", "--volume", key+":/run/key:ro",
			"--env", "TZ=Asia/Tokyo",
			"--env", "OMEGASTREAM_EXPORTER_API_URL=https://localhost:"+apiPort+simulator.BasePath,
			"--env", "OMEGASTREAM_EXPORTER_API_KEY_FILE=/run/key",
			"--env", "OMEGASTREAM_EXPORTER_COLLECTOR_HOLD_NEW_SERIES=0",
			"--env", "OMEGASTREAM_EXPORTER_COLLECTOR_MIN_INTERVAL=0",
			"--env", "OMEGASTREAM_EXPORTER_WEB_LISTEN_ADDRESS="+address,
			image)
		t.Cleanup(func() {
			if t.Failed() {
				_, errs, _ := e.try(e.dir, "podman", "logs", name)
				t.Logf("%s wrote:\n%s", name, errs)
			}
		})
	}
	counted := fmt.Sprintf(`webhook_delivery_failures_total{endpoint_id=%q,event_type="video.deleted",status_code="503"} 1`, endpoint)

	start("one")
	await(t, address, "omegastream_up 1")
	account.Emit(endpoint, "video.deleted", simulator.Responded(503))
	await(t, address, counted)
	if out, errs, err := e.try(e.dir, "podman", "healthcheck", "run", "one"); err != nil {
		t.Errorf("healthcheck: %v: %s %s", err, out, errs)
	}
	confined(t, e, "one")
	if _, logs, _ := e.try(e.dir, "podman", "logs", "one"); !strings.Contains(logs, "+09:00 ") || strings.Contains(logs, simulator.DefaultKey) {
		t.Errorf("the log does not use Tokyo's time zone, or shows the key: %s", logs)
	}
	stop(t, e, "one")

	start("two")
	await(t, address, counted) // counted once, and not from 0 again
	stop(t, e, "two")
}

// kernels matches the mounts of kernel file systems.
var kernels = regexp.MustCompile(`^/(proc|dev|sys)(/|$)`)

// confined compares the kernel's view of the process with the requested restrictions.
func confined(t *testing.T, e *engine, name string) {
	t.Helper()
	process := "/proc/" + e.podman("inspect", "--format", "{{.State.Pid}}", name)
	status := strings.Split(string(read(t, process+"/status")), "\n")
	for _, want := range []string{
		"Uid:\t65534\t65534\t65534\t65534", "Gid:\t65534\t65534\t65534\t65534",
		"CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "CapBnd:\t0000000000000000",
		"NoNewPrivs:\t1", "Seccomp:\t2",
	} {
		if !slices.Contains(status, want) {
			t.Errorf("/proc/PID/status has no line %q", want)
		}
	}
	var writable []string
	for _, line := range strings.Split(strings.TrimSpace(string(read(t, process+"/mountinfo"))), "\n") {
		fields := strings.Fields(line) // id parent major:minor root place options ...
		place, options := fields[4], strings.Split(fields[5], ",")
		if !slices.Contains(options, "ro") && !kernels.MatchString(place) {
			writable = append(writable, place)
		}
	}
	if !slices.Equal(writable, []string{"/data"}) {
		t.Errorf("the process can write to %q", writable)
	}
	ledger, err := os.Stat(filepath.Join(process, "root", "data", "ledger.db"))
	if err != nil || ledger.Mode() != 0o600 {
		t.Errorf("the state: %v, %v", ledger, err)
	}
}

// stop stops a container like `docker stop`: it must end on its own.
func stop(t *testing.T, e *engine, name string) {
	t.Helper()
	began := time.Now()
	e.podman("stop", "--time", "20", name)
	status := e.podman("inspect", "--format", "{{.State.ExitCode}}", name)
	if took := time.Since(began); status != "0" || took > 12*time.Second {
		t.Errorf("exit status %s after %s", status, took)
	}
}

// otherFlags runs the image with other arguments, right and wrong ones.
func otherFlags(t *testing.T, e *engine, image string) {
	out, _, err := e.try(e.dir, "podman", "run", "--rm", "--read-only", "--no-healthcheck", image, "--version")
	if err != nil || !strings.HasPrefix(out, "omegastream_exporter, version 1.2.3-test (branch: HEAD, revision: 0123456789abcdef") {
		t.Errorf("--version: %v, %q", err, out)
	}
	_, errs, err := e.try(e.dir, "podman", "run", "--rm", "--read-only", "--no-healthcheck", image)
	if want := "omegastream_exporter: --api.key-file: no API key; "; err == nil || !strings.HasPrefix(errs, want) {
		t.Errorf("without a key: %v, %q", err, errs)
	}
	address := freeAddress(t)
	e.podman("run", "--detach", "--name", "demo", "--read-only", image, "--demo", "--web.listen-address="+address)
	await(t, address, "webhook_events_total{")
	// A healthcheck cannot know the flags of the running exporter, and says so.
	if out, errs, err := e.try(e.dir, "podman", "healthcheck", "run", "demo"); err == nil {
		t.Errorf("healthcheck without the exporter's flags: %s %s", out, errs)
	}
	if out, errs, err := e.try(e.dir, "podman", "exec", "demo", "/bin/omegastream_exporter", "healthcheck", "--web.listen-address="+address); err != nil {
		t.Errorf("healthcheck: %v: %s %s", err, out, errs)
	}
	stop(t, e, "demo")
}

// asTheReadmeSays runs the README's commands, with podman instead of docker, and without
// building the image again. It only changes the API's address and the port.
func asTheReadmeSays(t *testing.T, e *engine, image string) {
	page := string(read(t, root(t)+"/README.md"))
	found := regexp.MustCompile("(?s)\n### A container\n.*?```sh\n(.*?)```").FindStringSubmatch(page)
	if found == nil {
		t.Fatal("the README has no commands for a container")
	}
	build := regexp.MustCompile(`(?m)^make image IMAGE=(\S+)\n`).FindStringSubmatch(found[1])
	if build == nil {
		t.Fatal("the README has no command to build the image")
	}
	script := strings.Replace(found[1], build[0], "", 1)
	e.podman("tag", image, build[1])
	account := simulator.New(simulator.Options{Key: "..."}) // the README's key
	account.AddEndpoint(simulator.Endpoint{Active: true})
	api, stopAPI, err := simulator.Serve(account)
	if err != nil {
		t.Fatal(err)
	}
	defer stopAPI()
	address := freeAddress(t)
	e.run(e.dir, "bash", "-e", "-c", `docker() {
		command=$1; shift
		podman "$command" --env OMEGASTREAM_EXPORTER_API_URL=`+api+` --env OMEGASTREAM_EXPORTER_WEB_LISTEN_ADDRESS=`+address+` "$@"
	}
	`+script)
	await(t, address, "omegastream_up 1")
	e.podman("healthcheck", "run", "omegastream_exporter")
	stop(t, e, "omegastream_exporter")
}

// freeAddress returns an unused address.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// await scrapes until the answer has want.
func await(t *testing.T, address, want string) {
	t.Helper()
	client := http.Client{Timeout: 10 * time.Second}
	var last string
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		response, err := client.Get("http://" + address + "/metrics")
		if err != nil {
			last = err.Error()
			time.Sleep(20 * time.Millisecond)
			continue
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if last = string(body); err == nil && strings.Contains(last, want) {
			return
		}
	}
	t.Fatalf("no %q in: %s", want, last)
}
