package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
)

const replaced = `omegastream_exporter_state_failing{reason="replaced"}`

// If the state is removed or renamed while the program runs, with or without its folder, the
// program writes it again, logs one line, and has lost nothing after a kill.
func TestStateIsRemoved(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(path string) error{
		"removed":         os.Remove,
		"renamed":         func(path string) error { return os.Rename(path, path+".bak") },
		"with its folder": func(path string) error { return os.RemoveAll(filepath.Dir(path)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			account, apiURL := serveAccount(t, simulator.Options{Seed: 21})
			id := account.AddEndpoint(simulator.Endpoint{Active: true})
			s := watching(t, apiURL, "--collector.min-interval=0s", "--collector.hold-new-series=0", "--api.rate-limit=0",
				"--state.url=file:data/ledger.db")
			p := s.serve(t)
			p.mustScrape(30 * time.Second)
			counted := func() {
				t.Helper()
				for range 20 {
					account.Emit(id, "video.process_failed", simulator.Responded(503))
				}
				eventually(t, func() error {
					return expect(account.Truth(), nil).compare(p.mustScrape(30 * time.Second))
				})
			}
			counted()
			path := filepath.Join(s.dir, "data", "ledger.db")
			if err := harm(path); err != nil {
				t.Fatal(err)
			}
			counted()
			if n := strings.Count(p.log.String(), "State file was removed"); n != 1 {
				t.Errorf("%d lines say that the state was removed", n)
			}
			refused(t, s, "in use")
			shown := p.mustScrape(30 * time.Second)
			p.kill()
			p = s.serve(t)
			if diff := cmp.Diff(shown.counters(), p.mustScrape(30*time.Second).counters()); diff != "" {
				t.Errorf("after a kill (-shown +now):\n%s", diff)
			}
			p.stop()
		})
	}
}

// The exporter does not overwrite a file that has replaced its state. It keeps its values,
// reports the failure in one log line and in its metrics, and continues when the state is
// back.
func TestStateIsReplaced(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
	c := count(t)
	p := c.serve(t)
	before := p.mustScrape(30 * time.Second)
	path := c.stateFile()
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	write(t, path, []byte("of somebody else"))
	c.account.Emit(c.id, "video.process_failed", simulator.Responded(503))
	eventually(t, func() error {
		now := p.mustScrape(30 * time.Second)
		if now.sum("omegastream_up") != 0 || now.values[replaced] != 1 {
			return fmt.Errorf("up %v, replaced %v", now.sum("omegastream_up"), now.values[replaced])
		}
		return nil
	})
	for range 3 {
		if diff := cmp.Diff(before.counters(), p.mustScrape(30*time.Second).counters()); diff != "" {
			t.Errorf("values changed that are not durable (-before +now):\n%s", diff)
		}
	}
	if string(read(t, path)) != "of somebody else" {
		t.Error("the other file was overwritten")
	}
	if n := strings.Count(p.log.String(), "removed or replaced"); n != 1 {
		t.Errorf("%d lines say that the state was replaced", n)
	}
	if err := os.Rename(path+".moved", path); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		now := p.mustScrape(30 * time.Second)
		if now.sum("omegastream_up") != 1 || now.values[replaced] != 0 {
			return fmt.Errorf("up %v, replaced %v", now.sum("omegastream_up"), now.values[replaced])
		}
		return expect(c.account.Truth(), nil).compare(now)
	})
	p.stop()
}

// If the state was moved away, a second program can start at its path. The first one notices,
// shows its last values, and leaves the second one's state alone.
func TestSecondProgramAtThePath(t *testing.T) {
	t.Parallel()
	c := count(t)
	p := c.serve(t)
	before := p.mustScrape(30 * time.Second)
	if err := os.Rename(c.stateFile(), c.stateFile()+".moved"); err != nil {
		t.Fatal(err)
	}
	second := c.serve(t)
	second.mustScrape(30 * time.Second)
	c.account.Emit(c.id, "video.process_failed", simulator.Responded(503))
	eventually(t, func() error {
		now := p.mustScrape(30 * time.Second)
		if now.values[replaced] != 1 || now.sum("omegastream_up") != 0 {
			return fmt.Errorf("the first one has not noticed")
		}
		if diff := cmp.Diff(before.counters(), now.counters()); diff != "" {
			t.Errorf("values changed that are not durable (-before +now):\n%s", diff)
		}
		return nil
	})
	if up := second.mustScrape(30 * time.Second).sum("omegastream_up"); up != 1 {
		t.Errorf("the second one shows up %v", up)
	}
	second.stop()
	p.kill()
}

// A first start with a wrong --api.url does not bind the state.
func TestStateOfAWrongStart(t *testing.T) {
	t.Parallel()
	account, apiURL := serveAccount(t, simulator.Options{Seed: 22})
	account.AddEndpoint(simulator.Endpoint{Active: true})
	s := watching(t, apiURL)
	wrong := s.with("--api.url=http://127.0.0.1:9/typo").serve(t)
	wrong.mustScrape(30 * time.Second)
	wrong.stop()
	p := s.serve(t)
	eventually(t, func() error {
		if up := p.mustScrape(30 * time.Second).sum("omegastream_up"); up != 1 {
			return fmt.Errorf("up %v", up)
		}
		return nil
	})
	p.stop()
	refused(t, s.with("--api.url=http://127.0.0.1:9/typo"), "--api.url")
}
