package deploy_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
)

// TestPrograms starts the program as the manifests do, with the volumes in another folder,
// and sends the requests of the kubelet and Prometheus.
func TestPrograms(t *testing.T) {
	t.Parallel()
	for name, manifest := range map[string]func(t *testing.T) string{
		"sidecar":        func(t *testing.T) string { return build(t, "sidecar") },
		"sidecar shared": func(t *testing.T) string { return build(t, "sidecar-shared") },
		"standalone":     func(t *testing.T) string { return build(t, "standalone") },
		"replicated":     func(t *testing.T) string { return build(t, "replicated") },
		"chart": func(t *testing.T) string {
			text, err := render(t, "--set=apiKey.existingSecret=key,flags.web.external-url=https://monitoring.example.com/hooks,flags.web.telemetry-path=/numbers,podMonitor.enabled=true")
			if err != nil {
				t.Fatal(err)
			}
			return text
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := parse(t, manifest(t))
			c := exporters(objects)[0]
			address := startContainer(t, c, t.TempDir())
			for what, p := range map[string]probe{"startupProbe": c.StartupProbe, "livenessProbe": c.LivenessProbe, "readinessProbe": c.ReadinessProbe} {
				if p.HTTPGet.Path == "" {
					if what == "readinessProbe" && strings.HasPrefix(name, "sidecar") {
						continue // a failing probe would take the application out of service
					}
					t.Errorf("the container has no %s", what)
					continue
				}
				if body, err := get("http://" + address + p.HTTPGet.Path); err != nil {
					t.Errorf("%s: %v %s", what, err, body)
				}
			}
			path := "/metrics"
			for _, o := range objects {
				for _, endpoint := range o.Spec.PodMetricsEndpoints {
					path = endpoint.Path
				}
			}
			body, err := get("http://" + address + path)
			if err != nil || !strings.Contains(body, "\nomegastream_up 1\n") {
				t.Errorf("%s: %v, or no omegastream_up 1:\n%.2000s", path, err, body)
			}
		})
	}
}

// startContainer runs the program with a container's arguments, a simulated account, and the
// volumes in a folder.
func startContainer(t *testing.T, c container, dir string) (address string) {
	t.Helper()
	account := simulator.New(simulator.Options{})
	account.AddEndpoint(simulator.Endpoint{URL: "https://shop.example.com/hooks"})
	api, stop, err := simulator.Serve(account)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)

	// The volumes: key and state as the Secrets mount them, and a folder for a file.
	for path, content := range map[string]string{
		"etc/omegastream/api-key/api-key": simulator.DefaultKey,
		"etc/omegastream/state/url":       "memory:", // instead of PostgreSQL
		"data/x":                          "",
		// The password is test.
		"etc/omegastream/web/web.yml": "basic_auth_users: {prometheus: $2b$12$hNf2lSsxfm0.i4a.1kVpSOVyBCfIB51VRjgBUyv6kdnyTlgWj81Ay}",
	} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return startProgram(t, nil, append([]string{"--api.url=" + api}, inFolder(dir, c.Args)...))
}

// inFolder returns a container's arguments with its volumes in a folder.
func inFolder(dir string, args []string) (moved []string) {
	for _, arg := range args {
		moved = append(moved, strings.NewReplacer("=/etc/", "="+dir+"/etc/", ":/data/", ":"+dir+"/data/").Replace(arg))
	}
	return moved
}

// TestExecProbes runs the probes of an exporter that asks for a password, which the kubelet
// does not have.
func TestExecProbes(t *testing.T) {
	t.Parallel()
	text, err := render(t, "--set=apiKey.existingSecret=key,flags.web.config.file=/etc/omegastream/web/web.yml,flags.web.route-prefix=/hooks")
	if err != nil {
		t.Fatal(err)
	}
	c := exporters(parse(t, text))[0]
	dir := t.TempDir()
	address := startContainer(t, c, dir)
	if _, err := get("http://" + address + "/hooks/metrics"); err == nil {
		t.Error("the exporter does not ask for a password")
	}
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	for what, p := range map[string]probe{"startupProbe": c.StartupProbe, "livenessProbe": c.LivenessProbe, "readinessProbe": c.ReadinessProbe} {
		if len(p.Exec.Command) == 0 {
			t.Errorf("the %s runs no command", what)
			continue
		}
		for where, healthy := range map[string]bool{address: true, freeAddress(t): false} {
			args := append(inFolder(dir, p.Exec.Command[1:]), "--web.listen-address="+where)
			if out, err := exec.Command(program, args...).CombinedOutput(); (err == nil) != healthy {
				t.Errorf("%s: %v: %v %s", what, args, err, out)
			}
		}
	}
}

// startProgram runs the program until the end of the test, when it must exit cleanly. It
// returns once the program listens.
func startProgram(t *testing.T, env, args []string) (address string) {
	t.Helper()
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	address = freeAddress(t)
	args = append(args, "--web.listen-address="+address)
	var log bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", &log, &log
	cmd.Env = append([]string{}, env...) // without the environment of this process
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := <-ended; err != nil {
			t.Errorf("%s: %v\n%s", strings.Join(args, " "), err, log.String())
		}
	})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return address
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("it ended: %v", err)
		case <-tick.C:
			if time.Now().After(deadline) {
				t.Fatalf("it does not listen: %v", err)
			}
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// get returns the body of a URL, which must answer with 200.
func get(url string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, resp.Status)
	}
	return string(body), err
}
