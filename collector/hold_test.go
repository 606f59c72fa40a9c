package collector

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/state/file"
)

// TestHold follows a new label set: it is shown at 0 for the whole hold, then its deliveries
// and failures are released together.
func TestHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA)
		r := start(t, a, held())
		r.scrape()
		r.scrapes(5, 15*time.Second)
		a.Emit(endpointA, failedType, simulator.Responded(500))
		event, delivery, failure := eventsOf(endpointA, failedType), deliveriesOf(endpointA, failedType, "500"), failuresOf(endpointA, failedType, "500")
		for i, want := range []string{"0", "0", "0", "0", "1", "1"} {
			got := r.scrape()
			got.want(t, map[string]string{event: "1", delivery: want, failure: want})
			if t.Failed() {
				t.Fatalf("scrape %d", i)
			}
			time.Sleep(15 * time.Second)
		}
	})
}

// TestHoldOff checks that new series are not held if the hold is off.
func TestHoldOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA)
		r := start(t, a, setup{})
		r.scrape()
		a.Emit(endpointA, failedType, simulator.Responded(500))
		r.scrape().want(t, map[string]string{failuresOf(endpointA, failedType, "500"): "1"})
	})
}

// brokenWriter is a client that disconnects in the middle of an answer.
type brokenWriter struct{ *httptest.ResponseRecorder }

func (brokenWriter) Write([]byte) (int, error)         { return 0, errors.New("broken pipe") }
func (w brokenWriter) WriteString(string) (int, error) { return w.Write(nil) }

// lateWriter is a client that disconnects before the answer is flushed; net/http then cancels
// the context of the request.
type lateWriter struct {
	*httptest.ResponseRecorder
	gone context.CancelFunc
}

func (w lateWriter) Flush() { w.gone() }

// TestOnlyCompleteScrapesCount checks that only scrapes that showed Prometheus everything end
// the hold.
func TestOnlyCompleteScrapesCount(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		scrape func(r *rig)
		counts bool
	}{
		{"complete", func(r *rig) { r.scrape() }, true},
		{"compressed", func(r *rig) { r.scrape(func(q *http.Request) { q.Header.Set("Accept-Encoding", "identity;q=0") }) }, true},
		{"uncompressed", func(r *rig) { r.scrape(func(q *http.Request) { q.Header.Set("Accept-Encoding", "gzip;q=0") }) }, true},
		{"no acceptable encoding", func(r *rig) { r.scrape(func(q *http.Request) { q.Header.Set("Accept-Encoding", "*;q=0") }) }, true},
		{"HEAD", func(r *rig) { r.scrape(func(q *http.Request) { q.Method = http.MethodHead }) }, false},
		{"some families", func(r *rig) { r.scrape(func(q *http.Request) { q.URL.RawQuery = "name%5B%5D=omegastream_up" }) }, false},
		{"client gone in the middle", func(r *rig) {
			r.handler.ServeHTTP(brokenWriter{httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
		}, false},
		{"client gone before the end", func(r *rig) {
			ctx, cancel := context.WithCancel(r.Context())
			r.handler.ServeHTTP(lateWriter{httptest.NewRecorder(), cancel}, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody))
		}, false},
		{"client gone before the start", func(r *rig) {
			ctx, cancel := context.WithCancel(r.Context())
			cancel()
			r.scrape(func(q *http.Request) { *q = *q.WithContext(ctx) })
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newAccount(simulator.Options{}, endpointA)
				r := start(t, a, held())
				r.scrape()
				a.Emit(endpointA, failedType, simulator.Responded(500))
				r.syncer.Wait(t.Context()) // counted, but not yet shown
				failure := failuresOf(endpointA, failedType, "500")
				tt.scrape(r)
				want := "0"
				if tt.counts {
					want = "1"
				}
				r.scrapes(1, time.Minute).want(t, map[string]string{failure: want})
				r.scrapes(1, time.Minute).want(t, map[string]string{failure: "1"})
			})
		})
	}
}

// TestRestart checks that the counters keep their loaded values for a hold after the first
// complete scrape, for a second scraper too, and then show what happened meanwhile. Gauges
// are shown before the API has answered.
func TestRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA)
		path := filepath.Join(t.TempDir(), "ledger.db")
		open := func() *rig {
			s := held()
			s.store = file.New(path)
			return start(t, a, s)
		}
		r := open()
		r.scrape()
		a.Emit(endpointA, failedType, simulator.Responded(500))
		failure := failuresOf(endpointA, failedType, "500")
		r.scrape()
		r.scrapes(2, time.Minute)
		r.stop()
		a.Emit(endpointA, failedType, simulator.Responded(500))

		r = open()
		hold := a.AddFault(simulator.Fault{Do: simulator.Hang()})
		r.scrape(timeout("1"), func(q *http.Request) { q.Method = http.MethodHead })
		r.scrape(timeout("1")).want(t, map[string]string{
			failure:          "1",
			"omegastream_up": "0",
			of("webhook_endpoint_consecutive_failures", endpointA): "1",
		})
		r.stop()
		hold()

		r = open()
		r.scrape().want(t, map[string]string{
			failure: "1", eventsOf(endpointA, failedType): "1", "omegastream_up": "1",
			of("webhook_endpoint_consecutive_failures", endpointA): "2", // gauges need not wait
		})
		time.Sleep(30 * time.Second)
		r.scrape().want(t, map[string]string{failure: "1", eventsOf(endpointA, failedType): "1"}) // the second of a pair of scrapers
		time.Sleep(30 * time.Second)
		r.scrape().want(t, map[string]string{failure: "2", eventsOf(endpointA, failedType): "2"})
	})
}
