package e2e

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
	"omegastream_exporter/internal/test/postgres"
)

// failing checks that a scrape reports a failing state with a reason; "" stands for a state
// that works.
func failing(s *scrape, reason string) error {
	const name = "omegastream_exporter_state_failing"
	if sum := s.sum(name); reason == "" && sum != 0 {
		return fmt.Errorf("the state fails: %v", s.named(name))
	}
	if v, _ := s.get(name, "reason", reason); reason != "" && v != 1 {
		return fmt.Errorf("%s{reason=%q} is %v", name, reason, v)
	}
	return nil
}

// Whichever way the database goes away, scrapes show the last values and report the failure,
// and everything is counted when it is back.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
	account, apiURL := serveAccount(t, simulator.Options{Seed: 31})
	id := account.AddEndpoint(simulator.Endpoint{Active: true})
	server := postgres.Start(t)
	dsn := server.NewDatabase(t)
	proxy, through := proxied(t, dsn, 31)
	// A scrape waits for half of its timeout. A busy machine has the other half to answer.
	const timeout = 6 * time.Second
	p := sharing(t, through, apiURL, "--collector.min-interval=0s", "--collector.hold-new-series=0", "--collector.timeout-offset=3s").serve(t)
	scrape := func() *scrape {
		t.Helper()
		got := p.mustScrape(timeout)
		if took := got.ended.Sub(got.began); took > timeout {
			t.Errorf("a scrape with a timeout of %v took %v", timeout, took)
		}
		return got
	}
	eventually(t, func() error { return upAndContacted(1)(scrape()) })
	account.Mark()
	emit := func() {
		for i := range 10 {
			account.Emit(id, types[i%len(types)], simulator.Responded([]int{200, 503}[i%2]))
		}
	}
	emit()
	whole := func() error {
		got := scrape()
		up, _ := got.get("omegastream_up")
		if up != 1 {
			return fmt.Errorf("up %v", up)
		}
		return errors.Join(failing(got, ""), expect(account.Truth(), nil).compare(got))
	}
	eventually(t, whole)

	again := func() { server.StartAgain(t) }
	for _, tt := range []struct {
		name string
		end  func() (mend func())
	}{
		{"stopped", func() func() { server.Stop(t); return again }},
		{"killed", func() func() { server.Kill(t); return again }},
		{"refuses", proxy.Refuse},
		{"hangs", proxy.Stall},
	} {
		t.Logf("the database %s", tt.name)
		before := scrape().counters()
		mend := tt.end()
		emit()
		eventually(t, func() error {
			got := scrape()
			up, _ := got.get("omegastream_up")
			if up != 0 {
				return fmt.Errorf("up is 1 without the state")
			}
			return failing(got, "unreachable")
		})
		if diff := cmp.Diff(before, scrape().counters()); diff != "" {
			t.Errorf("values change while the database %s (-before +now):\n%s", tt.name, diff)
		}
		if status, _, err := p.fetch(t.Context(), "GET", "/-/healthy"); status != 200 || err != nil {
			t.Errorf("/-/healthy while the database %s: %d, %v", tt.name, status, err)
		}
		if status, _, err := p.fetch(t.Context(), "GET", "/"); status != 200 || err != nil {
			t.Errorf("the page while the database %s: %d, %v", tt.name, status, err)
		}
		mend()
		eventually(t, whole)
	}
	if log := p.log.String(); strings.Contains(log, server.Password()) {
		t.Error("the log shows the password")
	}
	p.stop()
}

// A program stops in time while its database is away.
func TestStopWithoutDatabase(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
	account, apiURL := serveAccount(t, simulator.Options{Seed: 32})
	account.AddEndpoint(simulator.Endpoint{Active: true})
	for _, way := range []string{"refuses", "hangs"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			proxy, through := proxied(t, postgres.NewDatabase(t), 32)
			p := sharing(t, through, apiURL, "--collector.min-interval=0s").serve(t)
			eventually(t, func() error { return upAndContacted(1)(p.mustScrape(2 * time.Second)) })
			if way == "refuses" {
				defer proxy.Refuse()()
			} else {
				defer proxy.Stall()()
			}
			p.mustScrape(time.Second)
			began := time.Now()
			if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			select {
			case <-p.exited:
			case <-time.After(stopLimit):
				t.Errorf("the program still runs %v after SIGTERM", time.Since(began))
			}
		})
	}
}
