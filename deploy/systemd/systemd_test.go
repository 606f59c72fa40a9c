package systemd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/gobuild"
	"omegastream_exporter/internal/test/needs"
)

const (
	service = "omegastream_exporter.service"
	socket  = "omegastream_exporter.socket"
	dropIn  = service + ".d/socket.conf"
	example = "omegastream_exporter.env"
	binary  = "/usr/local/bin/omegastream_exporter"
)

// exposure is the highest accepted result of `systemd-analyze security`: 1.1, where 10 is a
// service without any restrictions. What remains is the network, which the exporter needs.
const exposure = "11"

// install copies units to a folder, and replaces the installed program with that of the test.
func install(t *testing.T, program string, names ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.ReplaceAll(content, []byte(binary), []byte(program))
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAnalyze(t *testing.T) {
	t.Parallel()
	analyze := needs.Tool(t, "systemd-analyze")
	for name, row := range map[string]struct {
		units []string
		args  []string
	}{
		"verify":             {[]string{service}, []string{"verify", service}},
		"verify with socket": {[]string{service, socket, dropIn}, []string{"verify", socket, service}},
		"security":           {[]string{service}, []string{"security", "--no-pager", "--offline=true", "--threshold=" + exposure, service}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string(nil), row.args...)
			for i, arg := range args {
				if arg == service || arg == socket {
					args[i] = "./" + arg // a file, not an installed unit
				}
			}
			cmd := exec.CommandContext(t.Context(), analyze, args...)
			cmd.Dir = install(t, "/bin/true", row.units...)
			out, err := cmd.CombinedOutput()
			if err != nil || row.args[0] == "verify" && len(out) > 0 {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// settings returns the values of a key in a unit or environment file, in order.
func settings(t *testing.T, file, key string) (values []string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			values = append(values, value)
		}
	}
	return values
}

// exporter builds the exporter.
func exporter(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "omegastream_exporter")
	if err := gobuild.Exporter(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// environment returns the service's environment, with systemd's specifiers replaced by
// folders of the test.
func environment(t *testing.T, files ...string) (env []string, state string) {
	t.Helper()
	credentials, state := t.TempDir(), t.TempDir()
	for _, credential := range settings(t, service, "LoadCredential") {
		name, _, _ := strings.Cut(credential, ":")
		if err := os.WriteFile(filepath.Join(credentials, name), []byte(simulator.DefaultKey+"\n"), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range settings(t, service, "StateDirectory") {
		if err := os.Mkdir(filepath.Join(state, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range files {
		for _, assignment := range settings(t, file, "Environment") {
			env = append(env, strings.NewReplacer("%d", credentials, "%S", state).Replace(assignment))
		}
	}
	return env, state
}

// The program starts with the unit's environment, keeps its state in the unit's folder, and
// reads its key from the credential.
func TestServiceStarts(t *testing.T) {
	t.Parallel()
	account := simulator.New(simulator.Options{})
	account.AddEndpoint(simulator.Endpoint{Active: true})
	api, stop, err := simulator.Serve(account)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	env, state := environment(t, service)
	address := freeAddress(t)
	cmd := exec.CommandContext(t.Context(), exporter(t), "--api.url="+api, "--web.listen-address="+address)
	cmd.Dir, cmd.Env = t.TempDir(), env
	run(t, cmd)
	await(t, address, "omegastream_up 1")
	if _, err := os.Stat(filepath.Join(state, "omegastream_exporter", "ledger.db")); err != nil {
		t.Error(err)
	}
}

// systemd passes the socket to the program, as the drop-in configures.
func TestSocketActivation(t *testing.T) {
	t.Parallel()
	activate := needs.Tool(t, "systemd-socket-activate")
	if ports := settings(t, socket, "ListenStream"); len(ports) != 1 || ports[0] != "9877" {
		t.Errorf("the socket listens on %q", ports)
	}
	address := freeAddress(t)
	env, _ := environment(t, dropIn)
	args := []string{"--listen=" + address}
	for _, assignment := range env {
		args = append(args, "--setenv="+assignment)
	}
	cmd := exec.CommandContext(t.Context(), activate, append(args, exporter(t), "--demo")...)
	cmd.Dir, cmd.Env = t.TempDir(), []string{}
	run(t, cmd)
	await(t, address, "omegastream_up 1")
}

// The program has each variable of the example and the units.
func TestVariables(t *testing.T) {
	t.Parallel()
	page, err := exec.CommandContext(t.Context(), exporter(t), "--help-man").Output()
	if err != nil {
		t.Fatal(err)
	}
	known := regexp.MustCompile(`[A-Z][A-Z_]*[A-Z]`).FindAllString(string(page), -1)
	given := regexp.MustCompile(`(?m)^(?:#|Environment=)?([A-Z][A-Z_]+[A-Z])=`)
	found := 0
	for _, file := range []string{service, dropIn, example} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range given.FindAllStringSubmatch(string(content), -1) {
			found++
			if !slices.Contains(known, match[1]) {
				t.Errorf("%s: the program has no variable %s", file, match[1])
			}
		}
	}
	if found < 8 {
		t.Errorf("found only %d variables", found)
	}
}

// run starts a command. At the end of the test it stops the command as systemd does.
func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		err := cmd.Wait()
		if t.Failed() {
			t.Logf("%v: %s", err, out.String())
		}
	})
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

// await scrapes until the answer has the line want.
func await(t *testing.T, address, want string) {
	t.Helper()
	last := errors.New("never asked")
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if last = scrape(address, want); last == nil {
			return
		}
	}
	t.Fatal(last)
}

func scrape(address, want string) error {
	client := http.Client{Timeout: 10 * time.Second} // a socket without a process accepts, but never answers
	response, err := client.Get("http://" + address + "/metrics")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		if lines.Text() == want {
			return nil
		}
	}
	return fmt.Errorf("no %q in: %s", want, body)
}
