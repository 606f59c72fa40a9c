package e2e

import (
	"sync"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
)

// Concurrent scrapers share one sync, and the API never sees more requests than its limit.
func TestTwoScrapersAtOnce(t *testing.T) {
	t.Parallel()
	const (
		scrapers   = 6
		rounds     = 4
		events     = 60
		perSecond  = 40
		concurrent = 3
	)
	account, apiURL := serveAccount(t, simulator.Options{Seed: 9})
	ids := []string{account.AddEndpoint(simulator.Endpoint{Active: true}), account.AddEndpoint(simulator.Endpoint{Active: true})}
	p := watching(t, apiURL, "--collector.min-interval=0s", "--collector.hold-new-series=0", "--api.rate-limit=40",
		"--api.concurrency=3").serve(t)
	p.mustScrape(5 * time.Second)
	// All of the scrapes must have begun within this time, also on a busy machine.
	slow := account.AddFault(simulator.Fault{Operation: simulator.ListEvents, Do: simulator.Delay(3 * time.Second)})
	account.ResetCalls()
	for range rounds {
		var all sync.WaitGroup
		for range scrapers {
			all.Go(func() {
				if _, err := p.scrape(10 * time.Second); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	calls := account.Calls()
	if n := calls.Requests[simulator.ListEndpoints]; n != rounds {
		t.Errorf("%d scrapes in %d rounds made %d syncs", scrapers*rounds, rounds, n)
	}
	for _, id := range ids {
		if n := calls.Lists[id]; n != rounds {
			t.Errorf("%d scrapes in %d rounds read the list of %s %d times", scrapers*rounds, rounds, id, n)
		}
	}
	slow()

	account.AddFault(simulator.Fault{Operation: simulator.GetEvent, Do: simulator.Delay(100 * time.Millisecond)})
	account.ResetCalls()
	began := time.Now()
	for range events {
		account.Emit(ids[0], "video.process_failed", simulator.Responded(503))
	}
	var all sync.WaitGroup
	for range scrapers {
		all.Go(func() {
			got, err := p.scrape(20 * time.Second)
			if err != nil {
				t.Error(err)
				return
			}
			if n := got.sum("webhook_deliveries_total"); n != events {
				t.Errorf("a scrape with enough time shows %v of %d deliveries", n, events)
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	calls = account.Calls()
	if calls.MaxConcurrent > concurrent {
		t.Errorf("%d requests at a time, want at most %d", calls.MaxConcurrent, concurrent)
	}
	// The burst allows a tenth more than the rate, and the network can bunch up requests that
	// were sent evenly.
	if calls.MaxPerSecond > perSecond*15/10 {
		t.Errorf("%d requests in a second, want at most %d", calls.MaxPerSecond, perSecond)
	}
	if n := calls.Requests[simulator.GetEvent]; n != events {
		t.Errorf("%d details for %d events", n, events)
	}
	figures(t, "%d details in %v; at most %d requests a second and %d at a time", events, took.Round(time.Second/100),
		calls.MaxPerSecond, calls.MaxConcurrent)
}

// The API sees a low rate limit, however large the backlog is.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	account, apiURL := serveAccount(t, simulator.Options{Seed: 10})
	id := account.AddEndpoint(simulator.Endpoint{Active: true})
	// A busy machine can bunch up three requests, not more.
	p := watching(t, apiURL, "--collector.min-interval=0s", "--collector.hold-new-series=0", "--api.rate-limit=10",
		"--api.concurrency=3").serve(t)
	p.mustScrape(5 * time.Second)
	for range 40 {
		account.Emit(id, "video.process_failed", simulator.Responded(503))
	}
	account.ResetCalls()
	began := time.Now()
	eventually(t, func() error {
		got := p.mustScrape(time.Second)
		return expect(account.Truth(), nil).compare(got)
	})
	calls, took := account.Calls(), time.Since(began)
	if most := 10*took.Seconds() + 2; float64(calls.Total()) > most {
		t.Errorf("%d requests in %v, want at most %.0f", calls.Total(), took, most)
	}
	if calls.MaxPerSecond > 15 { // as above, a busy machine can bunch up requests
		t.Errorf("%d requests in a second, want about 10", calls.MaxPerSecond)
	}
	if waited := p.mustScrape(time.Second).sum("omegastream_api_rate_limit_wait_seconds_total"); waited == 0 {
		t.Error("the metrics do not show that it waited")
	}
	figures(t, "%d requests in %v, at most %d a second", calls.Total(), took.Round(time.Second/100), calls.MaxPerSecond)
}
