package e2e

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"omegastream_exporter/internal/simulator"
)

// The scripts in testdata/cli use the program as a person does.
func TestCLI(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	if err := lookAtSources(); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/cli",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TAKEN", taken.Addr().String())
			env.Setenv("PATH", filepath.Dir(exporter())+string(filepath.ListSeparator)+os.Getenv("PATH"))
			return nil
		},
	})
}

// Every signal that asks for the end drains, and the end is a clean one.
func TestSignals(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT, "SIGHUP": syscall.SIGHUP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup{args: []string{"--demo", "--log.level=debug"}, env: []string{"OMEGASTREAM_API_KEY=s3cret"}}
			p := s.serve(t)
			p.mustScrape(10 * time.Second)
			p.end(signal)
			if strings.Contains(p.log.String(), "s3cret") {
				t.Errorf("shows the key: %s", p.log)
			}
		})
	}
}

// An exporter under nohup goes on when its terminal is closed.
func TestNohup(t *testing.T) {
	t.Parallel()
	s := setup{args: []string{"--demo"}, shell: "trap '' HUP"}
	p := s.serve(t)
	p.signal(syscall.SIGHUP)
	p.mustScrape(10 * time.Second)
	p.stop()
}

// A stderr without a reader does not end the exporter.
func TestStderrIsClosed(t *testing.T) {
	t.Parallel()
	s := setup{args: []string{"--demo", "--log.level=debug", "--web.listen-address=127.0.0.1:0"}}
	cmd := s.command(t)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	log, read := newLogBuffer(), make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(log, stderr)
	}()
	<-log.serving
	_ = stderr.Close()
	<-read
	p := &program{t: t, cmd: cmd, log: log, exited: make(chan struct{}), http: &http.Client{Transport: new(http.Transport)}}
	go func() {
		_ = cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(p.kill)
	for range 5 { // each of which logs at debug
		p.mustScrape(10 * time.Second)
	}
	p.stop() // which logs as well
}

// The start says where the state is, what is asked with which key, and what looks wrong.
func TestStartSays(t *testing.T) {
	t.Parallel()
	_, apiURL := serveAccount(t, simulator.Options{})
	s := watching(t, apiURL)
	s.env = append(s.env, "OMEGASTREAM_EXPORTER_STATE_URLS=file:x")
	p := s.serve(t)
	for _, want := range []string{
		"msg=Configured api_url=" + apiURL + ` key_from="the environment variable OMEGASTREAM_API_KEY" state=file:ledger.db`,
		`warning="environment variable OMEGASTREAM_EXPORTER_STATE_URLS belongs to no flag and is ignored; did you mean OMEGASTREAM_EXPORTER_STATE_URL?"`,
	} {
		if !strings.Contains(p.log.String(), want) {
			t.Errorf("no %s in %s", want, p.log)
		}
	}
	p.stop()
}

// The second signal does not wait for the drain that the first one began.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	account, apiURL := serveAccount(t, simulator.Options{})
	account.AddFault(simulator.Fault{Operation: simulator.ListEndpoints, Do: simulator.Hang()})
	// A drain takes a few seconds: a machine that is busy for so long has another try.
	for range 5 {
		p := watching(t, apiURL, "--api.timeout=1m").serve(t)
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			_, _ = p.scrape(time.Minute) // the drain waits for it
		}()
		eventually(t, time.Minute, func() error {
			if account.Calls().Requests[simulator.ListEndpoints] == 0 {
				return errors.New("nothing was asked of the API")
			}
			return nil
		})
		p.signal(syscall.SIGTERM)
		eventually(t, time.Minute, func() error {
			if !strings.Contains(p.log.String(), "msg=Stopping") {
				return errors.New("it does not stop")
			}
			return nil
		})
		p.signal(syscall.SIGTERM)
		<-p.exited
		<-answered
		if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGTERM {
			return
		}
	}
	t.Error("the second signal never ended it")
}
