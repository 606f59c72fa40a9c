package collector

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/syncer"
)

// TestRetryAfter checks that the exporter sends no request of any kind before the time in
// Retry-After.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA)
		r := start(t, a, setup{})
		r.scrape()
		for range 40 {
			a.Emit(endpointA, failedType, simulator.Responded(500))
		}
		a.AddFault(simulator.Fault{Operation: simulator.GetEvent, Times: 1, Do: simulator.TooManyRequests(5 * time.Minute)})
		a.AddFault(simulator.Fault{Operation: simulator.GetEvent, Times: 30, Do: simulator.Delay(time.Second)})
		began := time.Now()
		r.scrape()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("the scrape waited %v in vain", took)
		}
		synctest.Wait()
		untried := 0
		r.state.Look(func(a *ledger.Account) { untried = a.Untried() })
		if answered := a.Calls().Count(simulator.GetEvent, 200); untried != 40-answered {
			t.Errorf("%d events were never tried, %d of 40 were answered: the exporter retried a refused one at once", untried, answered)
		}
		a.ResetCalls()
		r.scrapes(28, 10*time.Second) // almost 5 minutes
		if n := a.Calls().Total(); n != 0 {
			t.Errorf("%d requests before the time was up", n)
		}
		r.scrapes(3, 10*time.Second).want(t, map[string]string{failuresOf(endpointA, failedType, "500"): "40", "omegastream_up": "1"})
	})
}

// TestFailingDetails checks an API whose lists work and whose details fail: the fetcher slows
// down, scrapes do not wait for it, the backlog grows, and the exporter recovers.
func TestFailingDetails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA)
		r := start(t, a, setup{client: client.Options{Timeout: time.Second}})
		r.scrape()
		for range 500 {
			a.Emit(endpointA, failedType, simulator.Responded(500))
		}
		heal := a.AddFault(simulator.Fault{Operation: simulator.GetEvent, Do: simulator.Status(500, "")})
		r.scrape().want(t, map[string]string{
			"omegastream_exporter_scrape_deadline_exceeded_total": "0",
			"omegastream_up": "1",
			of("omegastream_exporter_event_detail_backlog", endpointA): "500",
		})
		time.Sleep(time.Minute)
		a.ResetCalls()
		time.Sleep(10 * time.Minute)
		if n := a.Calls().Requests[simulator.GetEvent]; n > 800 {
			t.Errorf("%d requests for details in ten failing minutes", n)
		}
		if n := r.log.Count("level=WARN"); n != 1 {
			t.Errorf("%d warnings:\n%s", n, r.log)
		}
		heal()
		time.Sleep(6 * time.Minute)
		r.scrape().want(t, map[string]string{
			failuresOf(endpointA, failedType, "500"):                   "500",
			of("omegastream_exporter_event_detail_backlog", endpointA): "0",
		})
	})
}

// TestBadEvent checks that two events whose details always fail do not delay others.
func TestBadEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA)
		r := start(t, a, setup{})
		r.scrape()
		for _, id := range []string{"bad1", "bad2"} {
			insert(a, endpointA, id, 0, simulator.Responded(500))
			a.AddFault(simulator.Fault{Operation: simulator.GetEvent, EventID: id, Do: simulator.Status(500, "")})
		}
		r.scrape()
		time.Sleep(time.Hour)
		for range 100 {
			time.Sleep(15 * time.Second)
			id := a.Emit(endpointA, succeedType, simulator.Responded(200))
			if r.scrape(); a.DetailCalls(endpointA, id) != 1 {
				t.Fatal("a new event waits for the failing ones")
			}
		}
	})
}

// TestUnusableDetail checks that an unusable detail is counted and asked for again later,
// does not slow down the fetcher, and is logged in one line for all of them.
func TestUnusableDetail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA)
		r := start(t, a, setup{})
		r.scrape()
		for range 10 {
			a.Emit(endpointA, failedType, simulator.Responded(500))
		}
		heal := a.AddFault(simulator.Fault{Operation: simulator.GetEvent, Do: simulator.Response(`"none of your business"`)})
		r.scrape().want(t, map[string]string{
			`omegastream_exporter_invalid_payloads_total{operation="get_event"}`: "10",
			of("omegastream_exporter_event_detail_backlog", endpointA):           "10",
			"omegastream_up": "1",
		})
		if r.log.Count("level=WARN") != 1 || r.log.Count("Detail of an event failed", "event_id=") != 1 {
			t.Errorf("log:\n%s", r.log)
		}
		heal()
		time.Sleep(7 * time.Second)
		r.scrape().want(t, map[string]string{failuresOf(endpointA, failedType, "500"): "10"})
	})
}

// TestLateDetails checks that every outcome is counted if details appear a second after the
// list shows their events, as with an API that reads from a database replica.
func TestLateDetails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA)
		r := start(t, a, setup{})
		r.scrape()
		for range 10 {
			a.Emit(endpointA, failedType, simulator.Responded(500))
		}
		come := a.AddFault(simulator.Fault{Operation: simulator.GetEvent, Do: simulator.Status(404, "no such event")})
		r.scrape()
		time.Sleep(time.Second)
		come()
		time.Sleep(10 * time.Second)
		r.scrape().want(t, map[string]string{
			failuresOf(endpointA, failedType, "500"):                   "10",
			of("omegastream_exporter_event_detail_backlog", endpointA): "0",
		})
	})
}

// TestBadAmongGood checks that the fetcher does not slow down if every other detail fails.
func TestBadAmongGood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA)
		r := start(t, a, setup{})
		r.scrape()
		for i := range 10 {
			bad := "bad" + strconv.Itoa(i)
			insert(a, endpointA, bad, 0, simulator.Responded(500))
			a.AddFault(simulator.Fault{Operation: simulator.GetEvent, EventID: bad, Do: simulator.Status(400, "")})
			r.scrape()
			a.Emit(endpointA, failedType, simulator.Responded(500))
			r.scrape().want(t, map[string]string{failuresOf(endpointA, failedType, "500"): strconv.Itoa(i + 1)})
		}
	})
}

// standstill is an API after whose answers the whole process pauses.
type standstill struct {
	syncer.API
	took atomic.Int64 // nanoseconds
}

func (s *standstill) GetEvent(ctx context.Context, endpointID, eventID string) (client.Event, error) {
	ev, err := s.API.GetEvent(ctx, endpointID, eventID)
	time.Sleep(time.Duration(s.took.Load()))
	return ev, err
}

// TestStandstill checks a process that is paused between an answer and its handling: the
// pause does not count as time without a response.
func TestStandstill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA)
		still := new(standstill)
		r := start(t, a, setup{policy: ledger.Policy{Hold: 0}, wrap: func(api syncer.API) syncer.API {
			still.API = api
			return still
		}})
		r.scrape()
		id := a.Emit(endpointA, failedType, simulator.Pending())
		r.scrape()
		still.took.Store(int64(20 * time.Minute))
		time.Sleep(10 * time.Second) // the second answer is on its way
		still.took.Store(0)
		a.SetAnswer(endpointA, id, simulator.Responded(200))
		r.scrapes(25, time.Minute).want(t, map[string]string{
			failuresOf(endpointA, failedType, "none"): "0", deliveriesOf(endpointA, failedType, "200"): "1",
		})
	})
}
