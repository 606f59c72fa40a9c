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

// steady returns an exporter that knows everything its endpoints list.
func steady(tb testing.TB, srv *server) *rig {
	tb.Helper()
	r := newRig(tb, srv.URL, state.NewMemory(), nil, syncer.Options{})
	learn(tb, r.state, r.api)
	r.scrape() // the full read after the start
	return r
}

// BenchmarkSteadyScrape scrapes without news, with histories of different lengths. The limit
// reads the endpoints and the beginning of the list. There are 30 events a minute, or 750 in
// the last case, where --collector.overlap contains 25 times as many.
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

// BenchmarkSync scrapes without news, with different numbers of endpoints. The limits are the
// same GETs, and a CounterVec with as many series.
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

// BenchmarkNaive scrapes without news, with a thousand events. The limit is the exporter that
// fetches every detail.
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

// A scrape makes one call for the account and one for each endpoint, and reads no more bytes
// with a long history than with a short one. The naive exporter fetches every event.
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
			t.Errorf("the naive exporter made %d calls, want %d: the comparison is no longer valid", asked, n+1)
		}
	}
	// The kernel buffers some bytes when the reader closes the list.
	if most := int64(12 << 20); sent[100_000] > most {
		t.Errorf("a list of 24 MB that is stopped early took %d bytes, want at most %d", sent[100_000], most)
	}
}
