package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/postgres"
)

// The database is restored from a backup under the replicas: they do not go back,
// say what to do, and when that is done they begin again with what came after the
// backup.
func TestDatabaseWentBack(t *testing.T) {
	t.Parallel()
	account, apiURL := serveAccount(t, simulator.Options{Seed: 37})
	id := account.AddEndpoint(simulator.Endpoint{Active: true})
	server := postgres.Start(t)
	dsn := server.NewDatabase(t)
	s := sharing(t, dsn, apiURL, "--collector.min-interval=0s", "--collector.hold-new-series=0")
	replicas := []*program{s.serve(t), s.serve(t)}
	emit := func() {
		for i := range 20 {
			account.Emit(id, types[i%len(types)], simulator.Responded([]int{200, 503}[i%2]))
		}
	}
	all := func(within time.Duration, ok func(*scrape) error) {
		t.Helper()
		for i, p := range replicas {
			eventually(t, within, func() error {
				if err := ok(p.mustScrape(2 * time.Second)); err != nil {
					return fmt.Errorf("replica %d: %w", i, err)
				}
				return nil
			})
		}
	}
	right := func(got *scrape) error {
		return errors.Join(failing(got, ""), expect(account.Truth(), nil).compare(got))
	}
	all(20*time.Second, upAndContacted(1))
	account.Mark()
	emit()
	all(20*time.Second, right)
	backup := server.Backup(t)
	emit()
	all(20*time.Second, right)
	var before []*scrape
	for _, p := range replicas {
		before = append(before, p.mustScrape(2*time.Second))
	}

	server.Restore(t, backup)
	all(30*time.Second, func(got *scrape) error { return failing(got, "went_back") })
	emit()
	for range 3 {
		for i, p := range replicas {
			got := p.mustScrape(2 * time.Second)
			for k, v := range before[i].counters() {
				if now, ok := got.values[k]; !ok || now < v {
					t.Errorf("replica %d shows %s as %v after the restore, before it was %v", i, k, now, v)
				}
			}
			if up, _ := got.get("omegastream_up"); up != 0 {
				t.Errorf("replica %d is up with a state that went back", i)
			}
		}
	}
	for i, p := range replicas {
		if log := p.log.String(); !strings.Contains(log, "state reset-counters") {
			t.Errorf("the log of replica %d does not say what to do", i)
		}
	}

	// What was counted after the backup is unknown to the state and counts again,
	// in counters that are new.
	status, stdout, stderr := setup{
		dir: t.TempDir(), args: []string{"state", "reset-counters", "--yes", "--api.url=" + apiURL}, env: s.env,
	}.run(t)
	if status != 0 || stdout == "" {
		t.Fatalf("state reset-counters: exit status %d\n%s%s", status, stdout, stderr)
	}
	reset := time.Now()
	all(30*time.Second, func(got *scrape) error {
		if err := failing(got, ""); err != nil {
			return err
		}
		if n := got.sum("webhook_events_total"); n != 40 {
			return fmt.Errorf("%v events, want the 40 after the backup", n)
		}
		if n := got.sum("webhook_deliveries_total"); n != 40 {
			return fmt.Errorf("%v deliveries, want 40", n)
		}
		return nil
	})
	for i, p := range replicas {
		got := p.mustScrape(2 * time.Second)
		for k, at := range got.created {
			// The database's clock gives the births; here it is ours.
			if strings.HasPrefix(k, "webhook_") && durable(k) && at.Before(reset.Add(-10*time.Second)) {
				t.Errorf("replica %d: %s has kept its birth of %v", i, k, at)
			}
		}
	}
	emit()
	all(20*time.Second, func(got *scrape) error {
		if n := got.sum("webhook_events_total"); n != 60 {
			return fmt.Errorf("%v events, want 60", n)
		}
		return nil
	})
	for _, p := range replicas {
		p.stop()
	}
}
