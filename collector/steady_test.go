package collector

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/syncer"
	"omegastream_exporter/internal/test/needs"
)

// TestSteadyState checks the calls of a scrape without news: one for the account, one for
// each endpoint, and none for details, however long the history is.
func TestSteadyState(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA, endpointB, endpointC)
		a.Bulk(endpointA, 2000, 20*time.Second)
		r := start(t, a, setup{})
		r.scrape()
		time.Sleep(time.Minute) // history's details are fetched
		for range 10 {
			a.ResetCalls()
			r.scrapes(1, 15*time.Second).want(t, map[string]string{"omegastream_up": "1"})
			calls := a.Calls()
			if calls.Requests[simulator.ListEndpoints] != 1 || calls.Requests[simulator.ListEvents] != 3 || calls.Total() != 4 {
				t.Fatalf("%v", calls.Requests)
			}
			for id, n := range calls.Lists {
				if n != 1 {
					t.Errorf("%d lists of %s", n, id)
				}
			}
		}
	})
}

// TestSteadyScrapeBytes checks how much of a long list the scrapes of a pair of Prometheus
// servers read, at a million events a day: nine of ten read little more than the new events,
// one reads the whole overlap.
func TestSteadyScrapeBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const (
			spacing = 24 * time.Hour / 1_000_000
			every   = 7500 * time.Millisecond // two scrapers, each every 15 s
			element = 238                     // bytes
		)
		a := newAccount(simulator.Options{}, endpointA)
		a.Bulk(endpointA, 15_000, spacing)
		lists := &listBytes{RoundTripper: simulator.Transport(a)}
		r := start(t, a, setup{options: syncer.Options{MinInterval: 9 * time.Second}, client: client.Options{Transport: lists}})
		r.scrape()
		var read []int64
		for range needs.Count(16, 40) { // five minutes, or two in a quick run
			for range int(every / spacing) {
				time.Sleep(spacing)
				a.Emit(endpointA, succeedType, simulator.Responded(200))
			}
			lists.read.Store(0)
			r.scrape()
			read = append(read, lists.read.Load())
		}
		slices.Sort(read)
		t.Logf("bytes read in each scrape: %v", read)
		if at9 := read[len(read)*9/10-1]; at9 > 200_000 {
			t.Errorf("nine scrapes of ten read up to %d bytes, want at most 200 kB", at9)
		}
		overlap := int64(15 * time.Minute / spacing * element)
		if longest := read[len(read)-1]; longest < overlap || longest > overlap*6/5 {
			t.Errorf("the longest read takes %d bytes, the overlap has %d", longest, overlap)
		}
	})
}

// listBytes counts the bytes that are read from lists of events.
type listBytes struct {
	http.RoundTripper
	read atomic.Int64
}

func (l *listBytes) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.RoundTripper.RoundTrip(r)
	if err == nil && !strings.HasSuffix(r.URL.Path, "/all") && !strings.Contains(r.URL.Path, "/events/") {
		resp.Body = &countedBody{resp.Body, &l.read}
	}
	return resp, err
}

type countedBody struct {
	io.ReadCloser
	read *atomic.Int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read.Add(int64(n))
	return n, err
}
