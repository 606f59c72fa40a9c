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
