package syncer

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/state"
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

// A scrape of a replica with a problem of its own does not wait for a leader that was killed:
// no sync will come, and asking for the lease again and again would load the database. The
// replica leads once its problem has ended, or once the leader's last sync is too old to tell
// that it syncs well.
func TestUnfitReplicaAfterAKill(t *testing.T) {
	t.Parallel()
	for name, lasts := range map[string]time.Duration{"the problem lasts": state.FitFor, "the problem ends": 20 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, shared := newAccount(endpointA), storetest.NewShared()
				store := &slowStore{SharedStore: shared.Store()}
				r := start(t, a, setup{store: store, options: Options{MinInterval: 9 * time.Second}})
				killed := shared.Store()
				r.waitFor(9500 * time.Millisecond)
				ended := a.AddFault(simulator.Fault{Do: simulator.Reset()})
				for range 8 { // the endpoints are requested once a minute
					time.Sleep(10 * time.Second)
					r.waitFor(9500 * time.Millisecond)
				}
				time.Sleep(time.Minute)
				lease, _, err := killed.Lead(t.Context(), state.Bid{})
				if err != nil || !lease.Ours {
					t.Fatalf("the other replica does not lead: %+v, %v", lease, err)
				}
				if _, err := killed.CommitLed(t.Context(), &ledger.Batch{Fence: lease.Fence, Sync: &ledger.SyncRecord{Result: "success"}}); err != nil {
					t.Fatal(err)
				}
				synced := time.Now()
				time.AfterFunc(lasts, ended)
				for time.Sleep(2 * state.LeaseFor); time.Since(synced) < lasts; time.Sleep(15 * time.Second) {
					before := store.bids.Load()
					if !r.waitFor(9500 * time.Millisecond) {
						t.Errorf("%v after the kill: the scrape waits for a sync", time.Since(synced))
					}
					if n := store.bids.Load() - before; n > 2 {
						t.Errorf("%v after the kill: %d bids in one scrape", time.Since(synced), n)
					}
					if r.state.LastSync().Ours {
						t.Errorf("%v after the kill: the replica leads, although the other one synced well a short time ago", time.Since(synced))
					}
				}
				for !r.state.LastSync().Ours && time.Since(synced) < state.FitFor {
					r.waitFor(9500 * time.Millisecond)
					time.Sleep(10 * time.Second)
				}
				r.waitFor(9500 * time.Millisecond)
				if !r.state.LastSync().Ours || !r.Up() || lasts < state.FitFor && r.state.LastSync().Ended.Sub(synced) > state.FitFor {
					t.Errorf("%v after the kill: no replica leads: %+v", time.Since(synced), r.state.LastSync())
				}
			})
		})
	}
}

// A sync succeeds although its last commit releases the lease.
func TestReleaseIsNoFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var results resultLog
		r := start(t, newAccount(endpointA), setup{
			store:   &slowStore{SharedStore: storetest.NewShared().Store()},
			options: Options{MinInterval: 9 * time.Second, Observer: &results},
		})
		for n := range 10 {
			r.scrapes(1)
			last := r.state.LastSync()
			if result := r.Status().Result; result != Success || last.Number != uint64(n+1) || last.Result != string(Success) {
				t.Errorf("the sync ended with %s, and is committed as %+v", result, last)
			}
		}
		if len(results) != 10 || slices.ContainsFunc(results, func(r Result) bool { return r != Success }) {
			t.Errorf("the metrics count %v", results)
		}
	})
}

// resultLog is an Observer that keeps the results of syncs.
type resultLog []Result

// Synced implements [Observer].
func (l *resultLog) Synced(r Result, _ time.Duration) { *l = append(*l, r) }

// Invalid implements [Observer].
func (*resultLog) Invalid(client.Operation, int) {}

// slowStore is a store that counts bids for the lease. Each takes 10 ms, and so does each
// commit.
type slowStore struct {
	state.SharedStore
	bids atomic.Int64
}

// Lead implements [state.SharedStore].
func (s *slowStore) Lead(ctx context.Context, b state.Bid) (state.Lease, *ledger.Batch, error) {
	s.bids.Add(1)
	time.Sleep(10 * time.Millisecond)
	return s.SharedStore.Lead(ctx, b)
}

// CommitLed implements [state.SharedStore].
func (s *slowStore) CommitLed(ctx context.Context, b *ledger.Batch) (state.Lease, error) {
	time.Sleep(10 * time.Millisecond)
	return s.SharedStore.CommitLed(ctx, b)
}

// A replica that loses the lease cancels its calls. When it leads again, it reads the lists
// again, even one that it is still reading under the lost lease.
func TestLostLeaseCancelsCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, shared := newAccount(endpointA, endpointB), storetest.NewShared()
		api := &stubborn{RoundTripper: simulator.Transport(a), release: make(chan struct{})}
		r := start(t, a, setup{store: shared.Store(), client: client.Options{Transport: api}, options: Options{MinInterval: 9 * time.Second}})
		r.scrapes(2)
		a.Emit(endpointB, failedType, simulator.Responded(500))
		a.AddFault(simulator.Fault{Operation: simulator.ListEvents, EndpointID: endpointA, Times: 1, Do: simulator.Hang()})
		api.holds.Store(true)
		time.Sleep(15 * time.Second)
		r.waitFor(time.Second)
		if n := api.waiting.Load(); n != 1 {
			t.Fatalf("%d lists wait for an answer, want 1", n)
		}
		other := shared.Store()
		lease, _, _ := other.Follow(t.Context())
		if lease, _, err := other.Lead(t.Context(), state.Bid{Silent: lease.Heartbeat}); err != nil || !lease.Ours {
			t.Fatalf("the other replica does not lead: %+v, %v", lease, err)
		}
		time.Sleep(time.Second)
		if n := api.waiting.Load(); n != 0 {
			t.Errorf("a second after the lease was lost, %d lists still wait for an answer", n)
		}
		time.Sleep(state.LeaseFor)
		r.scrapes(1)
		if last := r.state.LastSync(); !last.Ours || last.Result != string(Success) {
			t.Errorf("the replica does not lead again: %+v", last)
		}
		if n := r.delivered(endpointB); n != 1 {
			t.Errorf("%d outcomes are counted, want 1", n)
		}
		close(api.release)
		r.scrapes(2)
		if !r.Up() || r.delivered(endpointB) != 1 || len(r.Status().Problems) > 0 {
			t.Errorf("up is %v, %d outcomes are counted, %+v", r.Up(), r.delivered(endpointB), r.Status())
		}
	})
}

// stubborn is an API that counts the lists that wait for an answer. On demand, the answer for
// the next list of endpointB stops, and ends with no context.
type stubborn struct {
	http.RoundTripper
	waiting atomic.Int64
	holds   atomic.Bool
	release chan struct{}
}

// RoundTrip implements [http.RoundTripper].
func (s *stubborn) RoundTrip(r *http.Request) (*http.Response, error) {
	list := strings.HasSuffix(r.URL.Path, endpointA) || strings.HasSuffix(r.URL.Path, endpointB)
	if list {
		s.waiting.Add(1)
		defer s.waiting.Add(-1)
	}
	answer, err := s.RoundTripper.RoundTrip(r)
	if err == nil && strings.HasSuffix(r.URL.Path, endpointB) && s.holds.CompareAndSwap(true, false) {
		content, err := io.ReadAll(answer.Body)
		if err != nil {
			return nil, err
		}
		answer.Body = io.NopCloser(io.MultiReader(released{s.release}, bytes.NewReader(content)))
	}
	return answer, err
}

// released is an empty reader that ends when its channel is closed.
type released struct{ c <-chan struct{} }

func (r released) Read([]byte) (int, error) {
	<-r.c
	return 0, io.EOF
}

// A successful sync of another replica ends the problems that this one had with the lists.
func TestFollowerForgetsItsProblems(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		acc, shared := newAccount(endpointA, endpointB), storetest.NewShared()
		var all []*rig
		for range 2 {
			all = append(all, start(t, acc, setup{store: shared.Store(), options: Options{MinInterval: 9 * time.Second}}))
		}
		a, b := all[0], all[1]
		a.scrapes(1)
		heal := acc.AddFault(simulator.Fault{Do: simulator.Status(http.StatusInternalServerError, "")})
		time.Sleep(listingEvery)
		a.scrapes(1)
		heal()
		if n := len(a.Status().Problems); n != 3 || a.Up() {
			t.Fatalf("up is %v, %+v", a.Up(), a.Status())
		}
		time.Sleep(time.Minute)
		b.scrapes(1)
		a.waitFor(time.Second)
		if last := a.state.LastSync(); last.Ours || len(a.Status().Problems) > 0 || !a.Up() {
			t.Errorf("up is %v, %+v", a.Up(), a.Status())
		}
		time.Sleep(2 * lineEvery)
		if a.log.Count("List of endpoints is read again") != 1 || a.log.Count("List of events is read again") == 0 {
			t.Errorf("log:\n%s", a.log)
		}
	})
}

// A follower's omegastream_up allows for the turns of the replica that leads, as that one does
// itself: three of them, and five minutes at least.
func TestFollowerKnowsTheTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := storetest.NewShared()
		r, other := start(t, newAccount(endpointA), setup{store: shared.Store()}), shared.Store()
		r.scrapes(1)
		read := time.Now()
		synced := func(took time.Duration) {
			t.Helper()
			time.Sleep(time.Second)
			lease, _, err := other.Lead(t.Context(), state.Bid{Work: true})
			if err == nil {
				_, err = other.CommitLed(t.Context(), &ledger.Batch{
					Fence: lease.Fence, Release: true, Sync: &ledger.SyncRecord{Result: "success", Took: took, Rest: 24 * time.Hour},
				})
			}
			if err != nil {
				t.Fatal(err)
			}
			if r.waitFor(time.Second); r.state.LastSync().Took != took {
				t.Fatalf("it does not follow: %+v", r.state.LastSync())
			}
		}
		upFor := func(want time.Duration) {
			t.Helper()
			for _, row := range []struct {
				age time.Duration
				up  bool
			}{{want - 10*time.Second, true}, {want + 10*time.Second, false}} {
				if time.Sleep(time.Until(read.Add(row.age))); r.Up() != row.up {
					t.Errorf("the list was read %v ago, want up for %v: up is %v", row.age, want, r.Up())
				}
			}
		}
		synced(time.Second)
		upFor(5 * time.Minute)
		synced(3 * time.Minute)
		synced(6 * time.Minute) // the same turn goes on
		synced(time.Minute)     // the next one begins
		upFor(18 * time.Minute)
		synced(7 * time.Minute)
		upFor(21 * time.Minute)
		synced(8 * time.Second)
		synced(7 * time.Second)
		if limit := r.Status().Turn; limit != 8*time.Second {
			t.Errorf("a turn takes %v, want 8s", limit)
		}
	})
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
