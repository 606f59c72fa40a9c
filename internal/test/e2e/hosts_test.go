package e2e

import (
	"errors"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
	"omegastream_exporter/internal/test/postgres"
)

// The URL names a primary and its standby, without target_session_attrs. While the primary is
// away for 6 s, both replicas try the standby, which is read-only. When the primary is back,
// they return to it.
func TestSeveralHosts(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
	account, apiURL := serveAccount(t, simulator.Options{Seed: 61})
	id := account.AddEndpoint(simulator.Endpoint{Active: true})
	primary := postgres.Start(t)
	dsn := primary.NewDatabase(t)
	standby := primary.Standby(t)
	both := by(t, dsn, primary.Address()+","+standby.Address())
	var replicas []*program
	for range 2 {
		replicas = append(replicas, sharing(t, both, apiURL, "--collector.min-interval=0s", "--collector.hold-new-series=0").serve(t))
	}
	all := func(ok func(*scrape) error) {
		t.Helper()
		for _, p := range replicas {
			eventually(t, func() error { return ok(p.mustScrape(time.Second)) })
		}
	}
	well := func(got *scrape) error {
		return errors.Join(failing(got, ""), expect(account.Truth(), nil).compare(got))
	}
	all(upAndContacted(1))
	account.Mark()
	account.Emit(id, types[0], simulator.Responded(503))
	all(well)

	primary.Stop(t)
	away := time.Now()
	account.Emit(id, types[0], simulator.Responded(503))
	all(func(got *scrape) error { return failing(got, "unreachable") })
	<-time.After(6*time.Second - time.Since(away))
	primary.StartAgain(t)
	back := time.Now()
	all(well)
	figures(t, "both replicas have recovered %v after the primary is back", time.Since(back).Round(10*time.Millisecond))
}
