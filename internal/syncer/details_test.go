package syncer

import (
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/internal/simulator"
)

// TestNap checks that a fetcher that has nothing to do, or must wait, rarely looks at the
// ledger.
func TestNap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(endpointA)
		r := start(t, a, setup{options: Options{RateLimit: 0.1}}) // the exporter can ask for a failure every 100 s
		nap := func() (longest time.Duration) {
			for range 3 { // a call that has just ended can cut one short
				began := time.Now()
				r.fetcher.nap(t.Context())
				longest = max(longest, time.Since(began))
			}
			return longest
		}
		if got := nap(); got != longestNap {
			t.Errorf("naps for %v without work", got)
		}
		r.waitFor(100 * time.Second)
		for range 5 {
			a.Emit(endpointA, failedType, simulator.Responded(500))
		}
		r.waitFor(100 * time.Second)
		if got := nap(); got != longestNap {
			t.Errorf("naps for %v while nothing is due", got)
		}
		time.Sleep(350 * time.Second)
		if got := nap(); got != overdueNap {
			t.Errorf("naps for %v while failures wait for the rate", got)
		}
	})
}
