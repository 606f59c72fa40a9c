package e2e

import (
	"math/rand/v2"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
)

// The program is killed at random moments while an account is busy: during its start, reads,
// asks, commits or answers. No value ever goes back, and in the end everything is counted
// once.
func TestKillAnytime(t *testing.T) {
	t.Parallel()
	waves, kills := needs.Count(1, 3), needs.Count(4, 9) // kills in each wave
	const (
		seed = 20260501
		hold = 150 * time.Millisecond
	)
	account, apiURL := serveAccount(t, simulator.Options{Seed: seed})
	for range 3 {
		history := append(make([]simulator.Answer, 0, 20), simulator.Responded(503))
		for range 19 {
			history = append(history, simulator.Responded(200))
		}
		account.Bulk(account.AddEndpoint(simulator.Endpoint{Active: true}), 40, time.Minute, history...)
	}
	account.AddEndpoint(simulator.Endpoint{Active: true}) // without history
	began := time.Now()

	s := watching(t, apiURL, "--collector.hold-new-series="+hold.String(), "--collector.min-interval=30ms",
		"--collector.no-response-after="+noResponse.String(), "--api.rate-limit=1500")
	s.binary = impatient(t)
	record := newRecorder(t, hold)
	scraper := newScraper(t, record)

	p := s.serve(t)
	scraper.target.Store(p)
	scraper.await(upAndContacted(4))
	account.Mark()
	for _, f := range []simulator.Fault{
		{Operation: simulator.GetEvent, Probability: 0.3, Do: simulator.Delay(15 * time.Millisecond)},
		{Operation: simulator.ListEvents, Probability: 0.1, Do: simulator.CutElements(5, simulator.EndAbort)},
		{Operation: simulator.ListEvents, Probability: 0.1, Do: simulator.Delay(20 * time.Millisecond)},
	} {
		account.AddFault(f)
	}

	// The seed determines when kills come, but not what they hit.
	moments := rand.New(rand.NewPCG(seed, 2))
	traffic := newTraffic(account, seed)
	for wave := range waves {
		end := traffic.flow(t, 20*time.Millisecond, 2)
		for range kills {
			if moments.IntN(2) == 0 {
				<-time.After(time.Duration(moments.Int64N(int64(600 * time.Millisecond))))
			} else {
				scraper.more(1 + moments.Int64N(5)) // right after an answer
			}
			p.kill()
			p = s.start(t)
			scraper.target.Store(p)
		}
		if wave < waves-1 {
			traffic.addEndpoint(simulator.Endpoint{Active: true})
		}
		end()
		scraper.await(traffic.check)
		if wave < waves-1 {
			traffic.retry()
		}
	}
	scraper.more(5) // it stays that way
	scraper.await(traffic.check)
	p.stop()
	p = s.serve(t)
	scraper.target.Store(p)
	scraper.await(traffic.check)
	scraper.end()

	calls := account.Calls()
	figures(t, "%d events, %d changed answers, %d kills, %d complete scrapes, %d API calls (%d lists, %d details) in %v",
		traffic.events, traffic.retries, waves*kills, record.scrapes, calls.Total(),
		calls.Requests[simulator.ListEvents], calls.Requests[simulator.GetEvent], time.Since(began).Round(time.Second/10))
}
