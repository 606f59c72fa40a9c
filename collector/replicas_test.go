package collector

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/postgres"
	"omegastream_exporter/internal/state/storetest"
	"omegastream_exporter/internal/syncer"
	server "omegastream_exporter/internal/test/postgres"
)

// replicas starts exporters of one account with a shared state.
func replicas(t *testing.T, n int, a *simulator.Account, o syncer.Options) []*rig {
	t.Helper()
	place, err := postgres.ParseURL(server.NewDatabase(t), "replicas")
	if err != nil {
		t.Fatal(err)
	}
	rigs := make([]*rig, n)
	for i := range rigs {
		store, err := place.Open()
		if err != nil {
			t.Fatal(err)
		}
		rigs[i] = start(t, a, setup{store: store, options: o})
	}
	return rigs
}

// Replicas that are scraped at the same time read each list once between them, and show the
// same.
func TestReplicasShareASync(t *testing.T) {
	t.Parallel()
	a := newAccount(simulator.Options{}, endpointA, endpointB, endpointC)
	rigs := replicas(t, 3, a, syncer.Options{MinInterval: time.Minute})
	var scrapers sync.WaitGroup
	for _, r := range rigs {
		scrapers.Go(func() {
			r.scrape().want(t, map[string]string{
				"omegastream_up":                 "1",
				eventsOf(endpointA, failedType):  "0",
				eventsOf(endpointB, failedType):  "0",
				eventsOf(endpointC, succeedType): "0",
				stateFailingFor("write_failed"):  "0",
				stateFailingFor("unreachable"):   "0",
				stateFailingFor("newer_version"): "0",
			})
		})
	}
	scrapers.Wait()
	calls := a.Calls()
	// A follower asks once which account its own key opens.
	if n := calls.Requests[simulator.ListEndpoints]; n < 1 || n > len(rigs) || calls.Requests[simulator.ListEvents] != 3 {
		t.Errorf("%v", calls.Requests)
	}
}

// Replicas that are scraped in turn share syncs: there is one sync for each
// --collector.min-interval, whichever replica is scraped.
func TestCallsOfAPairOfReplicas(t *testing.T) {
	t.Parallel()
	const every = 2 * time.Second
	a := newAccount(simulator.Options{}, endpointA, endpointB, endpointC)
	rigs := replicas(t, 2, a, syncer.Options{MinInterval: every})
	began := time.Now()
	for i := range 24 {
		r := rigs[i%2]
		r.scrape().want(t, map[string]string{"omegastream_up": "1"})
		time.Sleep(every / 8)
	}
	most := 1 + int(time.Since(began)/every)
	calls := a.Calls()
	if n := calls.Lists[endpointA]; n < 2 || n > most {
		t.Errorf("%d syncs in 24 scrapes that took %v, want at most %d", n, time.Since(began), most)
	}
	if n := calls.Requests[simulator.ListEndpoints]; n > 4+int(time.Since(began)/time.Minute) {
		t.Errorf("the account's endpoints were asked for %d times, want twice at most at each start, and once a minute", n)
	}
}

func stateFailingFor(reason string) string {
	return `omegastream_exporter_state_failing{reason="` + reason + `"}`
}

// refused is a network that refuses all connections.
type refused struct{}

func (refused) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}

// One replica cannot use the API, and one or two others can. These are up, and at most two
// scrapes and a lease behind; the first one is down, and logs why in one line.
func TestReplicaThatCannotUseTheAPI(t *testing.T) {
	t.Parallel()
	const interval = 15 * time.Second
	refuse := func(s *setup) { s.client.Transport = refused{} }
	hang := func(s *setup) {
		hung := newAccount(simulator.Options{}, endpointA)
		hung.AddFault(simulator.Fault{Do: simulator.Hang()})
		s.client.Transport = simulator.Transport(hung)
	}
	for name, tt := range map[string]struct {
		healthy int
		breaks  func(*setup)
		says    string
	}{
		"connections refused":              {1, refuse, "connection refused"},
		"connections refused, two healthy": {2, refuse, "connection refused"},
		"black hole":                       {1, hang, "too slow"},
		"black hole, two healthy":          {2, hang, "too slow"},
		"wrong key":                        {1, func(s *setup) { s.key = "another" }, "401"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				shared, options := storetest.NewShared(), syncer.Options{MinInterval: 9 * time.Second}
				a := newAccount(simulator.Options{}, endpointA)
				unfit := setup{store: shared.Store(), options: options}
				tt.breaks(&unfit)
				broken := start(t, a, unfit)
				broken.scrape(timeout("10")).want(t, map[string]string{"omegastream_up": "0"})
				var healthy []*rig
				for range tt.healthy {
					r := start(t, a, setup{store: shared.Store(), options: options})
					r.scrape().want(t, map[string]string{"omegastream_up": "1"})
					healthy = append(healthy, r)
				}
				next := time.Now()
				sleep := func() { // all replicas are scraped at even offsets
					next = next.Add(interval / time.Duration(1+tt.healthy))
					time.Sleep(time.Until(next))
				}
				var failed []time.Time
				for range 40 {
					sleep()
					broken.scrape(timeout("10"))
					failed = append(failed, time.Now())
					a.Emit(endpointA, failedType, simulator.Responded(500))
					for i, r := range healthy {
						sleep()
						now := time.Now()
						got := r.scrape(timeout("10"))
						got.want(t, map[string]string{"omegastream_up": "1"})
						due := 0
						for _, at := range failed {
							if now.Sub(at) > 2*interval+state.LeaseFor {
								due++
							}
						}
						if n, _ := strconv.Atoi(got[failuresOf(endpointA, failedType, "500")]); n < due {
							t.Errorf("healthy replica %d shows %d failures, want %d of %d", i, n, due, len(failed))
						}
					}
				}
				broken.scrape(timeout("10")).want(t, map[string]string{"omegastream_up": "0"})
				if n := broken.log.Count("level=WARN", `msg="Sync failed"`, tt.says); n != 1 {
					t.Errorf("%d lines with %q at the replica that cannot use the API, want 1:\n%s", n, tt.says, broken.log)
				}
				for i, r := range healthy {
					if r.log.Count("level=WARN")+r.log.Count("level=ERROR") != 0 {
						t.Errorf("healthy replica %d complains:\n%s", i, r.log)
					}
				}
			})
		})
	}
}

// Replicas that are scraped at the same time read each list once, even if there are very
// many.
func TestReplicasShareManyLists(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ids := make([]string, 220)
		for i := range ids {
			ids[i] = fmt.Sprintf("%024x", i)
		}
		a, shared := newAccount(simulator.Options{}, ids...), storetest.NewShared()
		var scrapers sync.WaitGroup
		for range 2 {
			r := start(t, a, setup{store: shared.Store(), options: syncer.Options{MinInterval: time.Minute, RateLimit: 20}})
			scrapers.Go(func() { r.scrape(timeout("60")).want(t, map[string]string{"omegastream_up": "1"}) })
		}
		scrapers.Wait()
		if n := a.Calls().Requests[simulator.ListEvents]; n != len(ids) {
			t.Errorf("%d lists were read, want %d", n, len(ids))
		}
	})
}
