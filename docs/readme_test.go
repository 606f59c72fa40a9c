//go:build unix

package docs_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/logs"
	"omegastream_exporter/internal/test/needs"
)

// snippet is a shell script of a page.
type snippet struct{ heading, script string }

// headingOrScript matches headings and scripts, in the order of the page.
var headingOrScript = regexp.MustCompile("(?ms)^(?:#+ ([^\n]+)|```sh\n(.*?)\n```)$")

// snippets returns the scripts of a page, each with the last heading before it.
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

// TestReadme runs every command of the README, or names the test that does.
func TestReadme(t *testing.T) {
	t.Parallel()
	elsewhere := map[string]string{
		"Test it":     "this test is part of it",
		"A container": "internal/test/image runs it with podman, which takes the same arguments",
		"Compose":     "a test has no Docker engine; the tests in deploy check the file and its mounts",
	}
	scripts := map[string][]string{}
	for _, s := range snippets(t, filepath.Join(root, "README.md")) {
		scripts[s.heading] = append(scripts[s.heading], s.script)
	}
	demo, program := scripts["Try it"], scripts["The program"]
	if len(demo) != 1 || len(program) != 2 {
		t.Fatalf("the README has %d scripts for the demo and %d for the program", len(demo), len(program))
	}
	t.Run("demo", func(t *testing.T) { t.Parallel(); tryDemo(t, demo[0]) })
	t.Run("program", func(t *testing.T) { t.Parallel(); tryProgram(t, program[0], program[1]) })
	delete(scripts, "Try it")
	delete(scripts, "The program")
	for heading, untried := range scripts {
		if elsewhere[heading] == "" {
			t.Errorf("no test runs the commands of the README under %q: %s", heading, untried)
		}
	}
}

// tryDemo runs the demo and ends it with Ctrl-C.
func tryDemo(t *testing.T, script string) {
	dir, output := checkout(t), new(logBuffer)
	end := shell(t, dir, script, output, "PORT=0")
	address := output.address(t)
	waitFor(t, "http://"+address+"/metrics", "\nwebhook_events_total{", output)
	waitFor(t, "http://"+address+"/", "<h1", output)
	end(syscall.SIGINT)
	if _, err := os.Stat(filepath.Join(dir, "data")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the demo left a state: %v", err)
	}
}

// tryProgram runs the script with a simulated account that has the README's key. Then it
// installs the program below a temporary folder.
func tryProgram(t *testing.T, script, install string) {
	account := simulator.New(simulator.Options{Key: "..."})
	account.AddEndpoint(simulator.Endpoint{Active: true, URL: "https://hooks.example.com/x"})
	api, stop, err := simulator.Serve(account)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	dir, output := checkout(t), new(logBuffer)
	end := shell(t, dir, script, output, "OMEGASTREAM_EXPORTER_API_URL="+api, anyPort)
	address := output.address(t)
	waitFor(t, "http://"+address+"/metrics", "\nomegastream_up 1\n", output)
	if !strings.Contains(output.String(), "hooks.example.com") {
		t.Errorf("check prints no endpoint: %s", output)
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "ledger.db")); err != nil {
		t.Error(err)
	}
	end(syscall.SIGTERM)

	installed := strings.Replace(install, "share=/usr/", "share="+dir+"/usr/", 1)
	cmd := exec.CommandContext(t.Context(), needs.Tool(t, "bash"), "-e", "-c", installed)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for file, want := range map[string]string{
		"man/man1/omegastream_exporter.1":                  ".TH ",
		"bash-completion/completions/omegastream_exporter": "complete -F ",
	} {
		if content, err := os.ReadFile(filepath.Join(dir, "usr", "local", "share", file)); err != nil || !strings.Contains(string(content), want) {
			t.Errorf("%s was not installed: %v", file, err)
		}
	}
}

// checkout copies the files that git would commit to a temporary folder.
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
		if errors.Is(err, fs.ErrNotExist) { // removed, but not yet committed
			continue
		}
		to := filepath.Join(dir, name)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, content, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// shell starts a script. end sends a signal to all processes that it started, as a terminal
// does for Ctrl-C, and waits.
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
		case <-time.After(patience):
			t.Errorf("the script does not end: %s", output)
		}
	}
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); <-ended })
	return end
}

// waitFor requests a page until it contains want.
func waitFor(t *testing.T, url, want string, output *logBuffer) {
	t.Helper()
	last := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if last = get(url); strings.Contains(last, want) {
			return
		}
	}
	t.Fatalf("%s has no %q: %s\n%s", url, want, last, output)
}

// get returns the body of a page; empty without an answer.
func get(url string) string {
	response, err := http.Get(url)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return string(body)
}

// patience is the limit for each step of a script. Two builds from scratch beside all other
// tests take minutes.
const patience = 15 * time.Minute

// logBuffer holds the output of a program.
type logBuffer struct{ logs.Buffer }

// anyPort lets the exporter choose a port, which it logs.
const anyPort = "OMEGASTREAM_EXPORTER_WEB_LISTEN_ADDRESS=127.0.0.1:0"

var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// address waits until the exporter listens, which can include a build, and returns its
// address.
func (b *logBuffer) address(t *testing.T) string {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if found := listening.FindStringSubmatch(b.String()); found != nil {
			return found[1]
		}
	}
	t.Fatalf("nothing listens: %s", b)
	return ""
}
