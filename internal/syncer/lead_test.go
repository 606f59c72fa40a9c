package syncer

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/state/storetest"
)

// The intervals between failing syncs grow. When a replica's sync succeeds, all replicas
// return to their interval.
func TestReplicasRestAfterFailures(t *testing.T) {
	t.Parallel()
	const interval = 9 * time.Second
	for name, next := range map[string]int{"the same": 0, "another": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, shared := newAccount(endpointA), storetest.NewShared()
				var all []*rig
				for range 2 {
					all = append(all, start(t, a, setup{store: shared.Store(), options: Options{MinInterval: interval}}))
				}
				scrape := func(r *rig) {
					time.Sleep(time.Minute)
					r.waitFor(9500 * time.Millisecond)
				}
				scrape(all[0])
				mended := a.AddFault(simulator.Fault{Do: simulator.Status(http.StatusInternalServerError, "")})
				for range 4 {
					scrape(all[0])
				}
				if last := all[0].state.LastSync(); !last.Ours || last.Result != string(Failed) || last.Rest < longestInterval/2 {
					t.Fatalf("after failing syncs %+v", last)
				}
				mended()
				for _, r := range []*rig{all[next], all[0]} {
					scrape(r)
					if last := r.state.LastSync(); !last.Ours || last.Result != string(Success) || last.Rest > interval {
						t.Errorf("after a successful sync %+v", last)
					}
				}
			})
		})
	}
}

// Replicas that can never list the account's endpoints read the lists: each gives the lease
// back once, and the one that gets it again goes on.
func TestReplicasReadListsWithoutAListing(t *testing.T) {
	t.Parallel()
	for name, effect := range map[string]simulator.Effect{"no answer": simulator.Hang(), "connection closed": simulator.Reset()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ids := manyIDs(5)
				a, shared := newAccount(ids...), storetest.NewShared()
				var all []*rig
				for range 2 {
					all = append(all, start(t, a, setup{store: shared.Store(), options: Options{MinInterval: 9 * time.Second, RateLimit: 20}}))
				}
				scrapes := func(n int) {
					for range n {
						for _, r := range all {
							r.waitFor(9500 * time.Millisecond)
							time.Sleep(7 * time.Second)
						}
					}
				}
				scrapes(2)
				heal := a.AddFault(simulator.Fault{Operation: simulator.ListEndpoints, Do: effect})
				for range 60 { // beyond the time unfit
					a.Emit(ids[1], failedType, simulator.Responded(500))
					scrapes(1)
					for _, id := range ids {
						if age := time.Since(all[0].endpoint(id).LastSync); age > 3*time.Minute {
							t.Errorf("%s was last read %v ago", id, age)
						}
					}
				}
				scrapes(6)
				for i, r := range all {
					if n := r.delivered(ids[1]); n != 60 || r.Up() {
						t.Errorf("replica %d: %d outcomes of 60 are counted, up is %v", i, n, r.Up())
					}
				}
				heal()
				scrapes(10)
				for i, r := range all {
					if !r.Up() {
						t.Errorf("healed: replica %d: up is false, %+v", i, r.Status())
					}
				}
			})
		})
	}
}
