package bench

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/syncer"
)

// steady is an exporter that knows all that its endpoints list.
func steady(tb testing.TB, srv *server) *rig {
	tb.Helper()
	r := newRig(tb, srv.URL, state.NewMemory(), nil, syncer.Options{})
	learn(tb, r.state, r.api)
	r.scrape() // the full read of a start
	return r
}

// BenchmarkSteadyScrape is a scrape when nothing is new, by the length of history,
// against reading the head of what it must ask for. Events happen 30 times a
// minute; in the last case 750 times, so that what lies within --collector.overlap
// of the newest is 25 times as much.
func BenchmarkSteadyScrape(b *testing.B) {
	for _, c := range []struct {
		events  int
		spacing time.Duration
	}{
		{1_000, 2 * time.Second},
		{10_000, 2 * time.Second},
		{100_000, 2 * time.Second},
		{1_000_000, 2 * time.Second},
		{1_000_000, 80 * time.Millisecond},
	} {
		b.Run(fmt.Sprintf("events=%s/every=%v", thousands(c.events), c.spacing), func(b *testing.B) {
			srv := serve(b, scenario{Endpoints: 1, Events: c.events, Spacing: c.spacing})
			r, bare := steady(b, srv), newClient(b, 1)
			runtime.GC()
			const scrapes = 10
			before := srv.traffic(b)
			for range scrapes {
				r.scrape()
			}
			seen := srv.traffic(b).since(before)
			versus(b, r.scrape, func() {
				discard(b, get(b, bare, srv.URL+"/client/webhooks/all"))
				readHead(b, get(b, bare, srv.URL+"/client/webhooks/"+srv.Endpoints[0]))
			})
			b.ReportMetric(float64(seen.Requests)/scrapes, "calls")
			b.ReportMetric(float64(seen.Sent)/scrapes/1e6, "MB-sent")
		})
	}
}

// BenchmarkSync is a scrape when nothing is new, by the number of endpoints,
// against GETs of the same and as many counters of a CounterVec.
func BenchmarkSync(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		b.Run("endpoints="+thousands(n), func(b *testing.B) {
			srv := serve(b, scenario{Endpoints: n, Events: 10, Spacing: time.Minute})
			r, bare := steady(b, srv), newClient(b, client.DefaultConcurrency)
			before := srv.traffic(b)
			series := seriesIn(scrapeOf(r.handler, formats[0].accept).Body.Bytes())
			seen := srv.traffic(b).since(before)
			vec := plainCounters(series)
			versus(b, r.scrape, func() {
				scrapeOf(vec, formats[0].accept)
				discard(b, get(b, bare, srv.URL+"/client/webhooks/all"))
				atATime(client.DefaultConcurrency, n, func(i int) {
					discard(b, get(b, bare, srv.URL+"/client/webhooks/"+srv.Endpoints[i]))
				})
			})
			b.ReportMetric(float64(seen.Requests), "calls")
			b.ReportMetric(float64(series), "series")
		})
	}
}

// BenchmarkNaive is a scrape when nothing is new among a thousand events, against
// the exporter that asks for every detail.
func BenchmarkNaive(b *testing.B) {
	srv := serve(b, scenario{Endpoints: 1, Events: 1000, Spacing: time.Second})
	r, peer := steady(b, srv), &naive{newAPI(b, srv.URL, nil), srv.Endpoints}
	ask := func() { scrapeOf(peer, "") }
	before := srv.traffic(b)
	r.scrape()
	ours := srv.traffic(b).since(before)
	ask()
	theirs := srv.traffic(b).since(before).Requests - ours.Requests
	versus(b, r.scrape, ask)
	b.ReportMetric(float64(ours.Requests), "calls")
	b.ReportMetric(float64(theirs), "limit-calls")
}

// What a scrape costs the API is counted: one call for the account and one for
// each endpoint, and no more bytes for a long history than for a short one. The
// naive exporter asks for every event.
func TestSteadyScrapeCosts(t *testing.T) {
	t.Parallel()
	sent := map[int]int64{}
	for _, n := range []int{2_000, 100_000} {
		account := simulator.New(simulator.Options{Seed: 1})
		id := account.AddEndpoint(simulator.Endpoint{Active: true})
		account.Bulk(id, n, 2*time.Second)
		var seen counted
		url := serveCounted(t, account, &seen)
		r := newRig(t, url, state.NewMemory(), nil, syncer.Options{})
		learn(t, r.state, r.api)
		r.scrape()
		const scrapes = 5
		before := seen.traffic()
		for range scrapes {
			r.scrape()
		}
		cost := seen.traffic().since(before)
		if cost.Requests != 2*scrapes {
			t.Errorf("%d events: %d requests in %d scrapes, want 2 each", n, cost.Requests, scrapes)
		}
		sent[n] = cost.Sent / scrapes
		if n > 2_000 {
			continue
		}
		before = seen.traffic()
		scrapeOf(&naive{newAPI(t, url, nil), []string{id}}, "")
		if asked := seen.traffic().since(before).Requests; asked != int64(n)+1 {
			t.Errorf("the naive exporter asked %d times, want %d: the comparison is not one any more", asked, n+1)
		}
	}
	// The kernel buffers some bytes that are under way when the reader closes.
	if most := int64(12 << 20); sent[100_000] > most {
		t.Errorf("%d bytes crossed the wire for a list of 24 MB that is stopped early, at most %d wanted", sent[100_000], most)
	}
}
