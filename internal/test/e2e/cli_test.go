package e2e

import (
	"errors"
	"net"
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
	for name, signal := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT} {
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
