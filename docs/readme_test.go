//go:build unix

package docs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
)

// snippet is a shell script of a page for people.
type snippet struct{ heading, script string }

// headingOrScript finds both, in the order of the page.
var headingOrScript = regexp.MustCompile("(?ms)^(?:#+ ([^\n]+)|```sh\n(.*?)\n```)$")

// snippets are the scripts of a page, each under the last heading before it.
func snippets(t *testing.T, page string) (all []snippet) {
	t.Helper()
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	heading := ""
	for _, m := range headingOrScript.FindAllStringSubmatch(string(content), -1) {
		if m[1] != "" {
			heading = m[1]
		} else {
			all = append(all, snippet{heading, m[2]})
		}
	}
	return all
}

// Every command of the README is tried as it is written, or it stands here where
// else it is.
func TestReadme(t *testing.T) {
	t.Parallel()
	elsewhere := map[string]string{
		"A container": "internal/test/image runs it with podman, which takes the same arguments",
		"Compose":     "no engine is to be had for a test; deploy holds the file and all that it mounts",
		"Kubernetes":  "no cluster is to be had for a test; deploy renders and validates both",
	}
	tried := 0
	for _, s := range snippets(t, filepath.Join(root, "README.md")) {
		switch s.heading {
		case "Try it":
			tried++
			t.Run("demo", func(t *testing.T) { t.Parallel(); tryDemo(t, s.script) })
		case "The program":
			tried++
			t.Run("program", func(t *testing.T) { t.Parallel(); tryProgram(t, s.script) })
		default:
			if elsewhere[s.heading] == "" {
				t.Errorf("nothing tries what the README says under %q: %s", s.heading, s.script)
			}
		}
	}
	if tried != 2 {
		t.Errorf("tried %d scripts", tried)
	}
}

// tryDemo runs `make demo`, and ends it as a person does.
func tryDemo(t *testing.T, script string) {
	targets := regexp.MustCompile(`(?m)^make ([a-z]+)`).FindAllStringSubmatch(script, -1)
	if len(targets) != 2 || targets[0][1] != "demo" || targets[1][1] != "test" {
		t.Fatalf("the two commands are %q", targets)
	}
	address := freeAddress(t)
	// `make test` is what runs this.
	demo := strings.SplitAfter(script, "\n")[0]
	dir, output := checkout(t), new(logBuffer)
	end := shell(t, dir, demo, output, "OMEGASTREAM_EXPORTER_WEB_LISTEN_ADDRESS="+address)
	waitFor(t, "http://"+address+"/metrics", "\nwebhook_events_total{", output)
	waitFor(t, "http://"+address+"/", "<h1", output)
	end(syscall.SIGINT)
	if _, err := os.Stat(filepath.Join(dir, "data")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the demo left a state: %v", err)
	}
}

// tryProgram runs the script against a simulated account, whose key is the one that
// the README has.
func tryProgram(t *testing.T, script string) {
	account := simulator.New(simulator.Options{Key: "..."})
	account.AddEndpoint(simulator.Endpoint{Active: true, URL: "https://hooks.example.com/x"})
	api, stop, err := simulator.Serve(account)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	address := freeAddress(t)
	dir, output := checkout(t), new(logBuffer)
	end := shell(t, dir, script, output, "OMEGASTREAM_EXPORTER_API_URL="+api, "OMEGASTREAM_EXPORTER_WEB_LISTEN_ADDRESS="+address)
	waitFor(t, "http://"+address+"/metrics", "\nomegastream_up 1\n", output)
	if !strings.Contains(output.String(), "hooks.example.com") {
		t.Errorf("check shows nothing: %s", output)
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "ledger.db")); err != nil {
		t.Error(err)
	}
	end(syscall.SIGTERM)
}

// checkout copies what git would commit to a folder of its own.
func checkout(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "checkout")
	list := exec.CommandContext(t.Context(), needs.Tool(t, "git"), "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		needs.Missing(t, "a checkout by git: "+err.Error())
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(root, name))
		if errors.Is(err, fs.ErrNotExist) { // removed, not yet committed
			continue
		}
		to := filepath.Join(dir, name)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, content, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// shell starts a script. end sends a signal to all that it has started, as the
// terminal does with Ctrl-C, and waits.
func shell(t *testing.T, dir, script string, output *logBuffer, env ...string) (end func(syscall.Signal)) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), needs.Tool(t, "bash"), "-e", "-c", script)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, output, output
	cmd.Env = append(os.Environ(), append(env, "MAKEFLAGS=", "MAKELEVEL=")...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	end = func(s syscall.Signal) {
		_ = syscall.Kill(-cmd.Process.Pid, s)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Errorf("does not end: %s", output)
		}
	}
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); <-ended })
	return end
}

// waitFor asks for a page until it has want. What is waited for may be a build.
func waitFor(t *testing.T, url, want string, output *logBuffer) {
	t.Helper()
	last := ""
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if last = get(url); strings.Contains(last, want) {
			return
		}
	}
	t.Fatalf("%s has no %q: %s\n%s", url, want, last, output)
}

// get returns the body of a page, empty where there was no answer.
func get(url string) string {
	response, err := http.Get(url)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return string(body)
}

// freeAddress is one that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// logBuffer collects what a running script writes.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
