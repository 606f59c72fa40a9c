package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
)

// stopLimit is how long the program can take to stop after SIGTERM, as in Kubernetes.
const stopLimit = 30 * time.Second

// setup configures a program. Its zero value runs it in a new folder, with its state there
// and an empty environment.
type setup struct {
	binary string   // "" for the normal program
	dir    string   // working directory; "" for a new folder
	args   []string // besides the address
	env    []string
	attr   *syscall.SysProcAttr
	shell  string // run by sh before it executes the program; "" for none
	brief  bool   // shows little of the log if the test fails
}

// watching returns the setup of a program for an account.
func watching(t *testing.T, apiURL string, args ...string) setup {
	t.Helper()
	return setup{
		dir:  t.TempDir(),
		args: []string{"--api.url=" + apiURL, "--state.url=file:ledger.db"},
		env:  []string{"OMEGASTREAM_API_KEY=" + simulator.DefaultKey},
	}.with(args...)
}

// with returns the setup with more arguments, which replace those for the same flags.
func (s setup) with(args ...string) setup {
	s.args = slices.Clone(s.args)
	for _, arg := range args {
		flag, _, _ := strings.Cut(arg, "=")
		s.args = slices.DeleteFunc(s.args, func(old string) bool { return strings.HasPrefix(old, flag+"=") })
		s.args = append(s.args, arg)
	}
	return s
}

// command returns the process before its start.
func (s setup) command(t *testing.T) *exec.Cmd {
	t.Helper()
	if err := lookAtSources(); err != nil {
		t.Fatal(err)
	}
	if s.binary == "" {
		s.binary = exporter()
	}
	if s.dir == "" {
		s.dir = t.TempDir()
	}
	cmd := exec.Command(s.binary, s.args...)
	if s.shell != "" {
		cmd = exec.Command("sh", append([]string{"-c", s.shell + ` && exec "$0" "$@"`, s.binary}, s.args...)...)
	}
	cmd.Dir = s.dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "GORACE=exitcode=66 atexit_sleep_ms=0"}, s.env...)
	cmd.SysProcAttr = s.attr
	return cmd
}

// run runs a program that exits on its own.
func (s setup) run(t *testing.T) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := s.command(t)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tooLong := time.AfterFunc(stopLimit, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	if !tooLong.Stop() {
		t.Errorf("%v did not end within %v", s.args, stopLimit)
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	checkLog(t, errs.String())
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// program is a process of the exporter.
type program struct {
	t      *testing.T
	cmd    *exec.Cmd
	log    *logBuffer
	http   *http.Client
	exited chan struct{} // closed when the process is gone
}

// start starts a program that serves. If the test fails, it shows the log.
func (s setup) start(t *testing.T) *program {
	t.Helper()
	s.args = append([]string{"--web.listen-address=127.0.0.1:0"}, s.args...)
	transport := &http.Transport{DisableCompression: true}
	p := &program{
		t: t, cmd: s.command(t), log: newLogBuffer(), exited: make(chan struct{}),
		http: &http.Client{Transport: transport, Timeout: time.Minute},
	}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.kill()
		transport.CloseIdleConnections()
		checkLog(t, p.log.String())
		most := 6 << 10
		if s.brief {
			most = 1 << 10
		}
		if t.Failed() {
			t.Logf("the log of process %d:\n%s", p.cmd.Process.Pid, tail(p.log.String(), most))
		}
	})
	return p
}

// serve starts a program, and waits until it serves. Like a supervisor, it starts a program
// again that has waited for its database for too long, which a busy machine can cause.
func (s setup) serve(t *testing.T) *program {
	t.Helper()
	for began := time.Now(); ; {
		p := s.start(t)
		if p.url() != "" {
			return p
		}
		waited := strings.Contains(p.log.String(), "The state cannot be opened yet")
		if !waited || time.Since(began) > patience {
			t.Fatalf("the program ended before it served: %v", p.cmd.ProcessState)
		}
	}
}

// url waits until the program serves, and returns its URL; "" if the program ends before.
func (p *program) url() string {
	select {
	case <-p.log.serving:
		return "http://" + p.log.address
	case <-p.exited:
		return ""
	case <-time.After(patience):
		p.t.Errorf("nothing listens after %v", patience)
		return ""
	}
}

// kill ends the program abruptly.
func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
	p.http.CloseIdleConnections()
}

// stop stops the program like a supervisor. The test fails if that is slow or unclean.
func (p *program) stop() {
	p.t.Helper()
	p.end(syscall.SIGTERM)
}

// signal sends a signal to a program, which can already have ended.
func (p *program) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
}

// end is stop with another signal.
func (p *program) end(signal syscall.Signal) {
	p.t.Helper()
	began := time.Now()
	p.signal(signal)
	select {
	case <-p.exited:
	case <-time.After(stopLimit):
		p.t.Fatalf("the program still runs %v after %v", stopLimit, signal)
	}
	p.http.CloseIdleConnections()
	if status := p.cmd.ProcessState; status.ExitCode() != 0 {
		p.t.Errorf("%v ended the program with %v after %v", signal, status, time.Since(began))
	}
}

// logBuffer holds the output of a process.
type logBuffer struct {
	serving chan struct{} // closed when address is known
	address string

	mu   sync.Mutex
	text bytes.Buffer
}

func newLogBuffer() *logBuffer { return &logBuffer{serving: make(chan struct{})} }

var listening = regexp.MustCompile(`(?m)^.*Listening on" address=([0-9.]+:[0-9]+)|^.*"address":"([0-9.]+:[0-9]+)".*Listening on`)

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.text.Write(p)
	if found := listening.FindSubmatch(b.text.Bytes()); b.address == "" && found != nil {
		b.address = string(found[1]) + string(found[2]) // one of the two log formats
		close(b.serving)
	}
	return n, err
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// checkLog fails the test if the log has lines that no run should write.
func checkLog(t *testing.T, log string) {
	t.Helper()
	for _, never := range []string{"DATA RACE", "panic:", "http: panic", "fatal error:", "goroutine 1 ["} {
		if strings.Contains(log, never) && !strings.Contains(log, "SIGQUIT") {
			t.Errorf("the log has %q:\n%s", never, head(log, strings.Index(log, never), 8<<10))
			return
		}
	}
}

// tail returns the last n bytes of a text, from the start of a line.
func tail(text string, n int) string {
	if len(text) <= n {
		return text
	}
	text = text[len(text)-n:]
	_, text, _ = strings.Cut(text, "\n")
	return fmt.Sprintf("[...]\n%s", text)
}

// figures logs results of a test, which the summary shows even if the test passes.
func figures(t *testing.T, format string, args ...any) {
	t.Helper()
	text := fmt.Sprintf(format, args...)
	t.Log(text)
	t.Attr("figures", text)
}

// patience is the minimum time that a test waits before it fails. It says nothing about the
// program, as a busy machine can starve a process for minutes. Tests of durations
// measure them.
const patience = 5 * time.Minute

// eventually retries until there is no error. It fails the test with the last error after
// patience.
func eventually(t *testing.T, ask func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %v", patience, err)
		}
		<-tick.C
	}
}

// serveAccount serves a new account until the end of the test.
func serveAccount(t *testing.T, o simulator.Options) (account *simulator.Account, apiURL string) {
	t.Helper()
	account = simulator.New(o)
	apiURL, stop, err := simulator.Serve(account)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return account, apiURL
}

// head returns up to n bytes of a text, from an offset.
func head(text string, from, n int) string { return text[from:min(len(text), from+n)] }
