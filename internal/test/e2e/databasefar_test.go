package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
	"omegastream_exporter/internal/test/postgres"
)

// A distant database makes the exporter slow but not wrong: each scrape is answered within
// its deadline, everything is counted, and nothing is reported as failing.
func TestDatabaseFarAway(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
	const (
		away    = 400 * time.Millisecond // round trip
		timeout = 10 * time.Second
	)
	account, apiURL := serveAccount(t, simulator.Options{Seed: 54})
	id := account.AddEndpoint(simulator.Endpoint{Active: true})
	dsn := postgres.NewDatabase(t)
	replica := func() *program {
		way, through := proxied(t, dsn, 54)
		way.Delay(away / 2)
		return sharing(t, through, apiURL, "--collector.min-interval=0s", "--collector.hold-new-series=0", "--no-log.failures").serve(t)
	}
	replicas := []*program{replica(), replica()}
	var took []time.Duration
	scrape := func(p *program) *scrape {
		t.Helper()
		got := p.mustScrape(timeout)
		took = append(took, got.ended.Sub(got.began))
		return got
	}
	for _, p := range replicas {
		eventually(t, func() error { return upAndContacted(1)(scrape(p)) })
	}
	account.Mark()
	// A busy machine can have bad moments, so wait for three good rounds in a row.
	eventually(t, func() error {
		for range 3 {
			for i := range 20 {
				account.Emit(id, types[i%len(types)], simulator.Responded([]int{200, 503}[i%2]))
			}
			for i, p := range replicas {
				said := len(p.log.String())
				eventually(t, func() error { return expect(account.Truth(), nil).compare(scrape(p)) })
				got := scrape(p)
				err := errors.Join(upAndContacted(1)(got), failing(got, ""))
				if news := p.log.String()[said:]; strings.Contains(news, "level=warn") || strings.Contains(news, "level=error") {
					err = errors.Join(err, fmt.Errorf("it says %s", news))
				}
				if err != nil {
					return fmt.Errorf("replica %d: %w", i, err)
				}
			}
		}
		return nil
	})
	for _, p := range replicas {
		p.stop()
	}
	slices.Sort(took)
	median, longest := took[len(took)/2], took[len(took)-1]
	if median > timeout { // not the longest, as a busy machine can stop everything for a while
		t.Errorf("half of the scrapes with a timeout of %v took %v or more", timeout, median)
	}
	figures(t, "the database is %v away: of %d scrapes half took up to %v, the longest %v",
		away, len(took), median.Round(time.Second/100), longest.Round(time.Second/100))
}
