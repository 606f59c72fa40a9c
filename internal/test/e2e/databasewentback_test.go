package e2e

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
	"omegastream_exporter/internal/test/postgres"
)

// If the database is restored from a backup, the replicas show no lower values, and read
// again what the backup lacks.
func TestDatabaseWentBack(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
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
	all := func(ok func(*scrape) error) {
		t.Helper()
		for i, p := range replicas {
			eventually(t, func() error {
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
	all(upAndContacted(1))
	account.Mark()
	emit()
	all(right)
	backup := server.Backup(t)
	emit()
	all(right)
	var before []*scrape
	for _, p := range replicas {
		before = append(before, p.mustScrape(2*time.Second))
	}

	server.Restore(t, backup)
	// The replicas read the lost events again. Until then none of them shows less than
	// before.
	all(func(got *scrape) error {
		for i := range replicas {
			for k, v := range before[i].counters() {
				if now, ok := got.values[k]; !ok || now < v {
					t.Errorf("a replica shows %s as %v after the restore, before it was %v", k, now, v)
				}
			}
		}
		return right(got)
	})
	emit()
	all(right)
}
