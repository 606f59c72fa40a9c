package collector

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/state/postgres"
	"omegastream_exporter/internal/syncer"
	server "omegastream_exporter/internal/test/postgres"
)

// replicas starts exporters of one account that share a state.
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

// Replicas that are scraped at once make the calls for lists of one, and show the same.
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
	// One that follows asks once whose account its own key opens.
	if n := calls.Requests[simulator.ListEndpoints]; n < 1 || n > len(rigs) || calls.Requests[simulator.ListEvents] != 3 {
		t.Errorf("%v", calls.Requests)
	}
}

// Replicas that are scraped in turn share syncs as a pair of scrapers of one does: there is
// one for each --collector.min-interval, whoever is scraped.
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

// Very many endpoints are asked for in parts, and each is read once all the same.
func TestReplicasShareManyLists(t *testing.T) {
	t.Parallel()
	ids := make([]string, 220)
	for i := range ids {
		ids[i] = fmt.Sprintf("%024x", i)
	}
	a := newAccount(simulator.Options{}, ids...)
	rigs := replicas(t, 2, a, syncer.Options{MinInterval: time.Minute})
	var scrapers sync.WaitGroup
	for _, r := range rigs {
		scrapers.Go(func() { r.scrape(timeout("60")).want(t, map[string]string{"omegastream_up": "1"}) })
	}
	scrapers.Wait()
	if n := a.Calls().Requests[simulator.ListEvents]; n != len(ids) {
		t.Errorf("%d lists were read, want %d", n, len(ids))
	}
}
