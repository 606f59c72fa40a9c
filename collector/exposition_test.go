package collector

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/internal/simulator"
)

// A scrape expects its exposition to take twice as long as the longest recent one. The first
// scrape estimates it from the number of counters.
func TestExpositionIsExpected(t *testing.T) {
	t.Parallel()
	r := start(t, newAccount(simulator.Options{}, endpointA), setup{})
	var x exposition
	if got := x.expected(r.state); got != 0 {
		t.Errorf("%v of a ledger without counters", got)
	}
	r.scrape()
	counters := len(r.state.View(time.Now()).Endpoints[0].Counters.All)
	if got := x.expected(r.state); counters == 0 || got != 2*time.Duration(counters)*perCounter {
		t.Errorf("%v of %d counters", got, counters)
	}
	for i, row := range []struct{ took, want time.Duration }{
		{3200, 6400}, {100, 6000}, {2900, 5800}, {5000, 10000}, {0, 9374},
	} {
		if x.learn(row.took); x.expected(r.state) != row.want {
			t.Errorf("scrape %d: %v, want %v", i, x.expected(r.state), row.want)
		}
	}
}

// stalledWriter is a client that reads nothing for a second and then disconnects.
type stalledWriter struct{ *httptest.ResponseRecorder }

func (stalledWriter) Write([]byte) (int, error) {
	time.Sleep(time.Second)
	return 0, errors.New("gone")
}

// Waiting for a stalled client does not count as exposition time.
func TestStalledClientIsNotSpared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA)
		r := start(t, a, setup{})
		r.scrape()
		ctx, cancel := context.WithCancel(t.Context())
		request := httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", http.NoBody)
		r.handler.ServeHTTP(stalledWriter{httptest.NewRecorder()}, request)
		cancel()
		a.AddFault(simulator.Fault{Do: simulator.Hang()})
		began := time.Now()
		r.scrape(timeout("5"))
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("the next scrape waits %v", took)
		}
	})
}
