//go:build soak

package e2e

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
)

var soak = flag.Duration("soak", 2*time.Minute, "duration of the soak")

// fullReads makes full reads more frequent, as in a day.
var fullReads = []patch{
	{"read.go", `fullReadEvery( += )time\.Hour\n`, "fullReadEvery${1}2 * time.Second\n"},
	{"read.go", `fullReadSpan( += )10 \* time\.Minute`, `fullReadSpan${1}500 * time.Millisecond`},
}

// hasty returns the path of the program with shorter waits and more frequent full reads.
func hasty(t *testing.T) string {
	t.Helper()
	return patched(t, func() (string, error) { return buildPatched("hasty", slices.Concat(waits, fullReads)) })
}

// The soak runs one process for -soak, with an account that has all kinds of faults. Whenever
// nothing is under way, the counts must be exact, and the process no larger than after it had
// seen everything once.
func TestSoak(t *testing.T) {
	t.Parallel()
	const (
		seed      = 11
		endpoints = 5
		hold      = 100 * time.Millisecond
		speed     = 24 * 60 // a day of the account in a minute
		phase     = 4 * time.Second
	)
	binary := hasty(t)
	lasts := *soak
	began := time.Now()
	clock := func() time.Time { return began.Add(-speed*lasts + speed*time.Since(began)) }
	account, apiURL := serveAccount(t, simulator.Options{Seed: seed, Now: clock})
	for range endpoints {
		account.Bulk(account.AddEndpoint(simulator.Endpoint{Active: true}), 100, time.Minute)
	}
	s := watching(t, apiURL, "--collector.window=6h", "--collector.hold-new-series="+hold.String(), "--collector.min-interval=20ms",
		"--collector.no-response-after="+noResponse.String(), "--api.rate-limit=2000", "--api.timeout=2s", "--web.enable-pprof")
	s.binary = binary
	record := newRecorder(t, hold)
	scraper := newScraper(t, record)
	p := s.serve(t)
	scraper.target.Store(p)
	scraper.await(upAndContacted(endpoints))
	account.Mark()

	traffic := newTraffic(account, seed)
	random := rand.New(rand.NewPCG(seed, 3))
	var settled, last footprint // settled: after 40 % of the time
	for n := 1; time.Since(began) < lasts; n++ {
		until := time.Now().Add(phase)
		end := traffic.flow(t, 20*time.Millisecond, 4)
		for time.Now().Before(until) {
			for _, misbehave := range misbehaviours(random, account.EndpointIDs()) {
				heal := account.AddFault(misbehave)
				<-time.After(50 * time.Millisecond)
				heal()
			}
		}
		end()
		scraper.await(traffic.check)
		traffic.retry()
		scraper.await(traffic.check)
		traffic.forget()
		last = p.footprint(t)
		t.Logf("phase %2d, after %3.0f s: %v", n, time.Since(began).Seconds(), last)
		if settled == (footprint{}) && (time.Since(began) > lasts*2/5) {
			settled = last
		}
	}
	scraper.more(3)
	scraper.await(traffic.check)
	scraper.end()
	last = p.footprint(t)
	last.compare(t, settled)
	p.stop()
	calls := account.Calls()
	t.Logf("%d events, %d retries, %d complete scrapes, %d API calls in %v",
		traffic.events, traffic.retries, record.scrapes, calls.Total(), time.Since(began).Round(time.Second))
}

// footprint is what an idle process uses.
type footprint struct {
	goroutines, files, tracked float64
	heap, state                float64 // MB; the heap after a collection
}

// footprint measures the program, which needs --web.enable-pprof. Each scrape creates garbage
// after the collection, so the smallest of a few values counts.
func (p *program) footprint(t *testing.T) (least footprint) {
	t.Helper()
	for n := range 5 {
		if status, _, err := p.fetch(t.Context(), http.MethodGet, "/debug/pprof/heap?gc=1"); err != nil || status != http.StatusOK {
			t.Fatal(status, err)
		}
		now := p.mustScrape(5 * time.Second).footprint()
		if n == 0 || now.heap < least.heap {
			least = now
		}
	}
	return least
}

func (s *scrape) footprint() footprint {
	return footprint{
		goroutines: s.sum("go_goroutines"), files: s.sum("process_open_fds"),
		tracked: s.sum("omegastream_exporter_tracked_events"),
		heap:    s.sum("go_memstats_heap_alloc_bytes") / 1e6,
		state:   s.sum("omegastream_exporter_state_size_bytes") / 1e6,
	}
}

func (f footprint) String() string {
	return fmt.Sprintf("%3.0f goroutines, %3.0f files, heap %5.2f MB, state %5.2f MB, %5.0f events tracked",
		f.goroutines, f.files, f.heap, f.state, f.tracked)
}

// compare fails the test if something has grown. Connections vary: each takes a file and two
// goroutines.
func (f footprint) compare(t *testing.T, since footprint) {
	t.Helper()
	const connections = 20 // to the API, and from scrapers
	for _, grown := range []struct {
		what        string
		then, now   float64
		slack, part float64 // accepted growth, absolute and relative
	}{
		{"goroutines", since.goroutines, f.goroutines, 2 * connections, 0},
		{"files", since.files, f.files, connections, 0},
		{"MB of heap", since.heap, f.heap, 2, 0.25},
		{"MB of state", since.state, f.state, 0.25, 1}, // a file grows by doubling
		{"events tracked", since.tracked, f.tracked, 500, 0.5},
	} {
		if grown.now > grown.then*(1+grown.part)+grown.slack {
			t.Errorf("%.2f %s, %.2f before", grown.now, grown.what, grown.then)
		}
	}
}
