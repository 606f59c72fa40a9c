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

// The scripts in testdata/cli run the program as a person does.
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

// Every signal that stops the program drains it, and it exits cleanly.
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
				t.Errorf("the log shows the key: %s", p.log)
			}
		})
	}
}

// With nohup, an exporter keeps running when its terminal is closed.
func TestNohup(t *testing.T) {
	t.Parallel()
	s := setup{args: []string{"--demo"}, shell: "trap '' HUP"}
	p := s.serve(t)
	p.signal(syscall.SIGHUP)
	p.mustScrape(10 * time.Second)
	p.stop()
}

// An exporter keeps running if nobody reads its stderr.
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
	for range 5 { // each scrape is logged at level debug
		p.mustScrape(10 * time.Second)
	}
	p.stop() // the stop is logged too
}

// At the start the program logs the location of the state, the API, the source of the key,
// and warnings.
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

// A second signal ends the program without waiting for the drain.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	account, apiURL := serveAccount(t, simulator.Options{})
	account.AddFault(simulator.Fault{Operation: simulator.ListEndpoints, Do: simulator.Hang()})
	// A drain takes a few seconds, which a busy machine can use up, so try several times.
	for range 5 {
		account.ResetCalls()
		p := watching(t, apiURL, "--api.timeout=1m").serve(t)
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			_, _ = p.scrape(time.Minute) // a scrape that the drain waits for
		}()
		eventually(t, func() error {
			if account.Calls().Requests[simulator.ListEndpoints] == 0 {
				return errors.New("the API has received no request")
			}
			return nil
		})
		p.signal(syscall.SIGTERM)
		eventually(t, func() error {
			if !strings.Contains(p.log.String(), "msg=Stopping") {
				return errors.New("the program does not stop")
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
	t.Error("the second signal never ended the program")
}
