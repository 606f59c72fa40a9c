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

// TestRetryAfter checks that no request of any kind is made before the time that
// the API named.
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
			t.Errorf("the scrape waited %v for nothing", took)
		}
		synctest.Wait()
		untried := 0
		r.state.Look(func(a *ledger.Account) { untried = a.Untried() })
		if answered := a.Calls().Count(simulator.GetEvent, 200); untried != 40-answered {
			t.Errorf("%d events were never tried, %d of 40 were answered: a refused one is tried again at once", untried, answered)
		}
		a.ResetCalls()
		r.scrapes(28, 10*time.Second) // almost 5 minutes
		if n := a.Calls().Total(); n != 0 {
			t.Errorf("%d requests before the time was up", n)
		}
		r.scrapes(3, 10*time.Second).want(t, map[string]string{failuresOf(endpointA, failedType, "500"): "40", "omegastream_up": "1"})
	})
}

// TestFailingDetails has an API whose lists work and whose details do not: the
// drain slows down, a scrape does not wait for it, the backlog tells, and it heals.
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
			t.Errorf("%d requests for details in ten minutes of failure", n)
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

// TestBadEvent has two events whose details always fail: others are not held up.
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
				t.Fatal("a new event had to wait for the bad ones")
			}
		}
	})
}

// TestUnusableDetail has a detail that no event can be read from: it is counted,
// asked for again later, and no reason to slow down. The log has one line of all.
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

// TestLateDetails has details that come a second after the list shows their events, as
// of a database that is read from a replica: every outcome is counted.
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

// TestBadAmongGood has every other detail fail: no reason to slow down.
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

// standstill is an API after whose answers the process stands still.
type standstill struct {
	syncer.API
	took atomic.Int64 // nanoseconds
}

func (s *standstill) GetEvent(ctx context.Context, endpointID, eventID string) (client.Event, error) {
	ev, err := s.API.GetEvent(ctx, endpointID, eventID)
	time.Sleep(time.Duration(s.took.Load()))
	return ev, err
}

// TestStandstill has a process that was stopped between an answer and taking it in:
// what it waited meanwhile is no time without a response.
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
