package collector

import (
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/internal/simulator"
)

// TestSteadyState counts the requests of scrapes when nothing is new: one for the
// account, one for each endpoint, none for details, however long the history.
func TestSteadyState(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA, endpointB, endpointC)
		a.Bulk(endpointA, 2000, 20*time.Second)
		r := start(t, a, setup{})
		r.scrape()
		time.Sleep(time.Minute) // the details of history
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
