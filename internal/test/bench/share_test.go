package bench

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
	"omegastream_exporter/internal/syncer"
)

const minInterval = 9 * time.Second // --collector.min-interval

// BenchmarkPair counts the calls that a pair of Prometheus servers causes, which scrape every
// 15 s, half an interval apart: with one exporter, or with two replicas that share a state,
// one for each server.
func BenchmarkPair(b *testing.B) {
	for _, replicas := range []int{1, 2} {
		b.Run("replicas="+itoa(replicas), func(b *testing.B) {
			const endpoints, minutes = 5, 10
			var calls int
			inBubble(b, func(t *testing.T) {
				a := simulator.New(simulator.Options{Seed: 1})
				for range endpoints {
					id := a.AddEndpoint(simulator.Endpoint{Active: true, CreatedAt: time.Now().Add(-24 * time.Hour)})
					a.Bulk(id, 100, time.Hour)
				}
				shared := storetest.NewShared()
				stores := []state.Store{shared.Store(), shared.Store()}
				if replicas == 1 {
					stores = []state.Store{state.NewMemory()}
				}
				var rigs []*rig
				for _, store := range stores {
					rigs = append(rigs, newRig(t, "http://api.example.com"+simulator.BasePath, store, simulator.Transport(a), syncer.Options{MinInterval: minInterval, RateLimit: 20}))
				}
				scrape := func(minutes int) {
					for i := range minutes * 8 {
						scrapeWithin(rigs[i%replicas].handler, "", 10*time.Second)
						time.Sleep(7500 * time.Millisecond)
					}
				}
				scrape(5) // history's details are fetched
				a.ResetCalls()
				scrape(minutes)
				calls = a.Calls().Total()
			})
			b.ReportMetric(float64(calls)/minutes, "calls/min")
		})
	}
}

// BenchmarkListBytes counts how much of a list scrapes every 7.5 s read between two hourly
// full reads, for an endpoint with a million events a day.
func BenchmarkListBytes(b *testing.B) {
	var sizes []float64
	inBubble(b, func(t *testing.T) {
		api := &readBytes{RoundTripper: &endless{start: time.Now().Add(-time.Hour), every: 24 * time.Hour / 1_000_000, retention: time.Hour}}
		p := policy()
		p.Window = time.Hour
		r := newRigWith(t, "http://api.example.com", state.NewMemory(), api, p, syncer.Options{MinInterval: minInterval})
		r.scrape()
		for range 40 { // five minutes
			time.Sleep(7500 * time.Millisecond)
			api.n.Store(0)
			r.scrape()
			sizes = append(sizes, float64(api.n.Load()))
		}
	})
	b.ReportMetric(percentile(sizes, 0.9)/1e6, "MB-read")
	b.ReportMetric(percentile(sizes, 1)/1e6, "MB-longest")
}

// readBytes counts the bytes that are read from lists of events.
type readBytes struct {
	http.RoundTripper
	n atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (b *readBytes) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil && !strings.HasSuffix(r.URL.Path, "/all") && !strings.Contains(r.URL.Path, "/events/") {
		resp.Body = readBody{resp.Body, &b.n}
	}
	return resp, err
}

type readBody struct {
	io.ReadCloser
	n *atomic.Int64
}

func (b readBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n.Add(int64(n))
	return n, err
}
