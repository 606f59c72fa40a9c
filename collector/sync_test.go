package collector

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/syncer"
)

// TestScrapesJoinOneSync checks that scrapes during a sync join it, and that each shows what
// it found.
func TestScrapesJoinOneSync(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA, endpointB)
		r := start(t, a, setup{})
		r.scrape()
		a.ResetCalls()
		a.Emit(endpointA, failedType, simulator.Responded(500))
		a.AddFault(simulator.Fault{Operation: simulator.ListEvents, Do: simulator.Delay(4 * time.Second)})
		began := time.Now()
		var scrapers sync.WaitGroup
		for i := range 5 {
			scrapers.Go(func() {
				time.Sleep(time.Duration(i) * time.Second / 2)
				r.scrape().want(t, map[string]string{deliveriesOf(endpointA, failedType, "500"): "1"})
			})
		}
		scrapers.Wait()
		calls := a.Calls()
		if calls.Requests[simulator.ListEndpoints] != 1 || calls.Requests[simulator.ListEvents] != 2 || calls.Requests[simulator.GetEvent] != 1 {
			t.Errorf("%v", calls.Requests)
		}
		if took := time.Since(began); took != 4*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// TestDeadline checks an API that is slower than a scrape: the scrape answers in time with
// what there is, the sync continues, and the next scrape joins it.
func TestDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA)
		r := start(t, a, setup{options: syncer.Options{MinInterval: 20 * time.Second}, scrape: Options{TimeoutOffset: 500 * time.Millisecond}})
		r.scrape()
		time.Sleep(20 * time.Second)
		a.ResetCalls()
		a.Emit(endpointA, failedType, simulator.Responded(500))
		a.AddFault(simulator.Fault{Operation: simulator.ListEvents, Do: simulator.Delay(6 * time.Second)})
		a.AddFault(simulator.Fault{Operation: simulator.GetEvent, Do: simulator.Delay(6 * time.Second)})
		for i, want := range []struct {
			took                        time.Duration
			events, backlog, deliveries string
			exceeded                    string
		}{
			{4500 * time.Millisecond, "0", "0", "", "1"}, // the list is under way
			{4500 * time.Millisecond, "1", "1", "", "2"}, // the detail is under way
			{3 * time.Second, "1", "0", "1", "2"},        // all done in 12 s
		} {
			began := time.Now()
			r.scrape(timeout("5")).want(t, map[string]string{
				eventsOf(endpointA, failedType):                              want.events,
				of("omegastream_exporter_event_detail_backlog", endpointA):   want.backlog,
				deliveriesOf(endpointA, failedType, "500"):                   want.deliveries,
				"omegastream_exporter_scrape_deadline_exceeded_total":        want.exceeded,
				failuresOf(endpointA, failedType, "500"):                     want.deliveries,
				of("omegastream_exporter_history_detail_backlog", endpointA): "0",
				of("webhook_endpoint_consecutive_failures", endpointA):       map[string]string{"": "0", "1": "1"}[want.deliveries],
				"omegastream_up": "1",
			})
			if took := time.Since(began); took != want.took {
				t.Errorf("scrape %d took %v, want %v", i, took, want.took)
			}
		}
		if calls := a.Calls(); calls.Requests[simulator.ListEvents] != 1 || calls.Requests[simulator.GetEvent] != 1 {
			t.Errorf("%v", calls.Requests)
		}
	})
}

// TestMinInterval checks how long scrapes share a sync.
func TestMinInterval(t *testing.T) {
	t.Parallel()
	const second = time.Second
	for _, tt := range []struct {
		name     string
		interval time.Duration
		fails    bool
		gaps     []time.Duration // between scrapes
		want     []int           // syncs after each
	}{
		{"shared within 5s", 5 * second, false, []time.Duration{0, second, 3 * second, second, 4 * second, second}, []int{1, 1, 1, 2, 2, 3}},
		{"0 is never shared", 0, false, []time.Duration{0, 0, 0}, []int{1, 2, 3}},
		{"0 does not double", 0, true, []time.Duration{0, 0, 0}, []int{1, 2, 3}},
		{
			"doubles while syncs fail", 5 * second, true,
			[]time.Duration{0, 9 * second, second, 19 * second, second, 39 * second, second, 59 * second, second, 59 * second, second},
			[]int{1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6},
		},
		{"is not cut to a minute", 5 * time.Minute, true, []time.Duration{0, 4 * time.Minute, time.Minute}, []int{1, 1, 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newAccount(simulator.Options{}, endpointA)
				if tt.fails {
					a.AddFault(simulator.Fault{Operation: simulator.ListEndpoints, Do: simulator.Status(404, "")})
				}
				r := start(t, a, setup{options: syncer.Options{MinInterval: tt.interval}})
				for i, gap := range tt.gaps {
					time.Sleep(gap)
					s := r.scrape()
					got := 0
					for _, result := range syncer.Results() {
						n, _ := strconv.Atoi(s[syncsOf(string(result))])
						got += n
					}
					if got != tt.want[i] {
						t.Fatalf("scrape %d: %d syncs, want %d", i, got, tt.want[i])
					}
				}
			})
		})
	}
}

// TestMinIntervalAfterSuccess checks that a success resets the interval, and that one failing
// endpoint does not slow down the others.
func TestMinIntervalAfterSuccess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA, endpointB)
		heal := a.AddFault(simulator.Fault{Operation: simulator.ListEndpoints, Do: simulator.Status(404, "")})
		r := start(t, a, setup{options: syncer.Options{MinInterval: 5 * time.Second}})
		r.scrapes(10, time.Minute)
		heal()
		r.scrapes(1, time.Minute)
		a.ResetCalls()
		a.AddFault(simulator.Fault{Operation: simulator.ListEvents, EndpointID: endpointB, Do: simulator.Status(404, "")})
		r.scrapes(4, 5*time.Second)
		if got := a.Calls().Lists[endpointA]; got != 4 {
			t.Errorf("%d syncs", got)
		}
	})
}

// TestSyncEvery checks that the exporter syncs at its interval without scrapes.
func TestSyncEvery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA)
		a.AddFault(simulator.Fault{Operation: simulator.ListEvents, Do: simulator.Delay(100 * time.Millisecond)})
		r := start(t, a, setup{options: syncer.Options{MinInterval: 5 * time.Second}})
		ctx, cancel := context.WithTimeout(t.Context(), 59*time.Second)
		defer cancel()
		r.syncer.Every(ctx, 5*time.Second)
		if n := a.Calls().Requests[simulator.ListEvents]; n != 12 {
			t.Errorf("%d syncs within a minute", n)
		}
	})
}

// TestClose checks that closing cancels a sync and details without logging it.
func TestClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA)
		r := start(t, a, setup{})
		r.scrape()
		a.Emit(endpointA, failedType, simulator.Responded(500))
		a.AddFault(simulator.Fault{Operation: simulator.GetEvent, Do: simulator.Hang()})
		r.scrape(timeout("1"))
		a.AddFault(simulator.Fault{Operation: simulator.ListEvents, Do: simulator.Hang()})
		r.scrape(timeout("1"))
		began := time.Now()
		r.stop()
		if took := time.Since(began); took != 0 {
			t.Errorf("took %v", took)
		}
		if n := r.log.Count("level=WARN"); n != 0 {
			t.Errorf("log:\n%s", r.log)
		}
	})
}
