package syncer

import (
	"context"
	"fmt"
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
)

func manyIDs(n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("%024x", i+1))
	}
	return ids
}

// scrapes waits for a sync n times, 15 s apart.
func (r *rig) scrapes(n int) {
	for range n {
		time.Sleep(15 * time.Second)
		r.waitFor(9500 * time.Millisecond)
	}
}

// endpoint returns the view of an endpoint.
func (r *rig) endpoint(id string) *ledger.EndpointView {
	r.Helper()
	for _, e := range r.state.View(r.state.Now()).Endpoints {
		if e.ID == id {
			return e
		}
	}
	r.Fatalf("no endpoint %s", id)
	return nil
}

// delivered returns the number of counted outcomes of an endpoint.
func (r *rig) delivered(id string) (n uint64) {
	for _, c := range r.endpoint(id).Counters.All {
		if c.Kind == ledger.CountDeliveries {
			n += c.Value
		}
	}
	return n
}

// TestForbiddenList checks a key without access to one of forty lists: the others stay fresh.
func TestForbiddenList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ids := manyIDs(40)
		a := newAccount(ids...)
		a.AddFault(simulator.Fault{Operation: simulator.ListEvents, EndpointID: ids[0], Do: simulator.Status(403, "no")})
		r := start(t, a, setup{options: Options{MinInterval: 9 * time.Second, RateLimit: 20}})
		r.scrapes(20)
		for _, id := range ids {
			age := time.Since(r.endpoint(id).LastSync)
			if fresh := age < 30*time.Second; fresh != (id != ids[0]) {
				t.Errorf("%s was last read %v ago", id, age)
			}
		}
		s := r.Status()
		if s.Result != Partial || r.Up() || len(s.Problems) != 1 || s.Problems[0].EndpointID != ids[0] {
			t.Errorf("up is %v, %+v", r.Up(), s)
		}
		if r.log.Count("level=WARN") != 1 || r.log.Count("List of events failed", "endpoint_id="+ids[0], "403") != 1 {
			t.Errorf("log:\n%s", r.log)
		}
	})
}

// TestForbiddenDetail checks a key without access to one detail, that of the oldest of very
// many events. The exporter retries it with a backoff and shows it in the backlog, and counts
// the others at the full rate.
func TestForbiddenDetail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(endpointA)
		r := start(t, a, setup{options: Options{MinInterval: 9 * time.Second, RateLimit: 20}})
		r.scrapes(2)
		bad := a.Emit(endpointA, failedType, simulator.Responded(500))
		a.AddFault(simulator.Fault{Operation: simulator.GetEvent, EventID: bad, Do: simulator.Status(403, "no")})
		for range 600 {
			a.Emit(endpointA, failedType, simulator.Responded(500))
		}
		r.scrapes(3) // 45 s, of which the rate needs 30
		if n := r.delivered(endpointA); n != 600 {
			t.Errorf("%d outcomes are counted", n)
		}
		if n := a.DetailCalls(endpointA, bad); n > 10 {
			t.Errorf("the bad one was asked for %d times", n)
		}
		problems := r.Status().Problems
		if !r.Up() || len(problems) != 1 || problems[0].Operation != client.OpGetEvent || problems[0].EndpointID != endpointA {
			t.Errorf("up is %v, problems: %+v", r.Up(), problems)
		}
		if r.log.Count("level=WARN") != 1 || r.log.Count("Detail of an event failed", "event_id="+bad) != 1 {
			t.Errorf("log:\n%s", r.log)
		}
	})
}

// TestPauseOfOne checks an API whose answers for one list and the oldest detail always ask
// for a pause. All calls wait that long, then the others continue.
func TestPauseOfOne(t *testing.T) {
	t.Parallel()
	for name, busy := range map[string]simulator.Effect{
		"403 with a short wait": simulator.Header(simulator.Status(403, "busy"), "Retry-After", "2"),
		"403 with a long wait":  simulator.Header(simulator.Status(403, "busy"), "Retry-After", "45"),
		"503 with a long wait":  simulator.Unavailable(45 * time.Second),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ids := manyIDs(5)
				a := newAccount(ids...)
				r := start(t, a, setup{options: Options{MinInterval: 9 * time.Second, RateLimit: 20}})
				r.scrapes(2)
				bad := a.Emit(ids[1], failedType, simulator.Responded(500))
				a.AddFault(simulator.Fault{Operation: simulator.ListEvents, EndpointID: ids[0], Do: busy})
				a.AddFault(simulator.Fault{Operation: simulator.GetEvent, EventID: bad, Do: busy})
				for range 100 {
					a.Emit(ids[1], failedType, simulator.Responded(500))
				}
				r.scrapes(120)
				for _, id := range ids {
					age := time.Since(r.endpoint(id).LastSync)
					if fresh := age < 3*time.Minute; fresh != (id != ids[0]) {
						t.Errorf("%s was last read %v ago", id, age)
					}
				}
				if n := r.delivered(ids[1]); n != 100 {
					t.Errorf("%d outcomes are counted", n)
				}
				if n := a.DetailCalls(ids[1], bad); n > 60 {
					t.Errorf("the bad one was asked for %d times", n)
				}
				if r.log.Count("List of events failed", "endpoint_id="+ids[0]) == 0 {
					t.Errorf("log:\n%s", r.log)
				}
			})
		})
	}
}

// TestListingThatNeverComes checks that the exporter reads the lists although it can never
// list the account's endpoints, whatever the reason.
func TestListingThatNeverComes(t *testing.T) {
	t.Parallel()
	for name, effect := range map[string]simulator.Effect{
		"no answer":             simulator.Hang(),
		"no end":                simulator.CutBytes(100, simulator.EndHang),
		"connection closed":     simulator.Reset(),
		"failing":               simulator.Status(500, "no"),
		"not a list":            simulator.HTML(),
		"429 with a short wait": simulator.TooManyRequests(2 * time.Second),
		"429 with a long wait":  simulator.TooManyRequests(45 * time.Second),
		"403 with a long wait":  simulator.Header(simulator.Status(403, "busy"), "Retry-After", "45"),
		"503 with a long wait":  simulator.Unavailable(45 * time.Second),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ids := manyIDs(5)
				a := newAccount(ids...)
				r := start(t, a, setup{options: Options{MinInterval: 9 * time.Second, RateLimit: 20}})
				r.scrapes(2)
				heal := a.AddFault(simulator.Fault{Operation: simulator.ListEndpoints, Do: effect})
				for range 20 {
					a.Emit(ids[1], failedType, simulator.Responded(500))
				}
				r.scrapes(60)
				for _, id := range ids {
					if age := time.Since(r.endpoint(id).LastSync); age > 3*time.Minute {
						t.Errorf("%s was last read %v ago", id, age)
					}
				}
				if n := r.delivered(ids[1]); n != 20 {
					t.Errorf("%d outcomes are counted", n)
				}
				if r.Up() || !r.problems.any(client.OpListEndpoints) || r.log.Count("List of endpoints failed") == 0 {
					t.Errorf("up is %v, %+v, log:\n%s", r.Up(), r.Status(), r.log)
				}
				heal()
				r.scrapes(10)
				if s := r.Status(); !r.Up() || len(s.Problems) != 0 {
					t.Errorf("healed: up is %v, %+v", r.Up(), s)
				}
			})
		})
	}
}

// TestNothingAnswers checks an API that answers nothing: after the account's endpoints a sync
// requests one list, and the log has one line.
func TestNothingAnswers(t *testing.T) {
	t.Parallel()
	for name, effect := range map[string]simulator.Effect{"no answer": simulator.Hang(), "connection closed": simulator.Reset()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newAccount(manyIDs(40)...)
				r := start(t, a, setup{options: Options{MinInterval: 9 * time.Second, RateLimit: 20}})
				r.scrapes(2)
				heal := a.AddFault(simulator.Fault{Do: effect})
				r.scrapes(4) // the first ones do not request the endpoints
				a.ResetCalls()
				r.scrapes(40)
				calls := a.Calls().Requests
				if n := calls[simulator.ListEvents]; n == 0 || n > 1+calls[simulator.ListEndpoints] { // one sync had begun before
					t.Errorf("%d requests for lists, %d for the endpoints", n, calls[simulator.ListEndpoints])
				}
				if s := r.Status(); s.Result != Failed || r.Up() || r.log.Count("Sync failed") != 1 {
					t.Errorf("up is %v, %+v, log:\n%s", r.Up(), s, r.log)
				}
				heal()
				r.scrapes(8)
				if s := r.Status(); s.Result != Success || !r.Up() || len(s.Problems) != 0 {
					t.Errorf("healed: up is %v, %+v", r.Up(), s)
				}
			})
		})
	}
}

// TestDetailThatNeverComes checks a detail that always fails: the exporter retries it with a
// backoff, shows it in the backlog, and gives the event up a window after its first sight.
func TestDetailThatNeverComes(t *testing.T) {
	t.Parallel()
	for name, effect := range map[string]simulator.Effect{
		"refused":           simulator.Status(403, "no"),
		"failing":           simulator.Status(500, "no"),
		"not an event":      simulator.HTML(),
		"connection closed": simulator.Reset(),
		"no answer":         simulator.Hang(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newAccount(endpointA)
				r := start(t, a, setup{policy: ledger.Policy{Window: time.Hour}, options: Options{MinInterval: 9 * time.Second, RateLimit: 20}})
				r.scrapes(2)
				bad := a.Emit(endpointA, failedType, simulator.Responded(500))
				a.AddFault(simulator.Fault{Operation: simulator.GetEvent, EventID: bad, Do: effect})
				unresolved := func() (n uint64) {
					for _, c := range r.endpoint(endpointA).Counters.All {
						if c.Kind == ledger.CountUnresolved {
							n += c.Value
						}
					}
					return n
				}
				others := uint64(0)
				for range 4 * 55 {
					a.Emit(endpointA, failedType, simulator.Responded(200))
					others++
					r.scrapes(1)
				}
				if n, e := unresolved(), r.endpoint(endpointA); n != 0 || e.Backlog != 1 || e.OldestUnfetched == 0 {
					t.Errorf("before the end of its window: %d unresolved, %d in the backlog", n, e.Backlog)
				}
				asked := a.DetailCalls(endpointA, bad)
				if asked < 3 || asked > 60 {
					t.Errorf("asked for %d times in 55 minutes", asked)
				}
				for range 4 * 20 {
					a.Emit(endpointA, failedType, simulator.Responded(200))
					others++
					r.scrapes(1)
				}
				if n, d := unresolved(), r.delivered(endpointA); n != 1 || d != others {
					t.Errorf("after its window: %d unresolved, %d outcomes of %d", n, d, others)
				}
				if s := r.Status(); !r.Up() || len(s.Problems) != 0 {
					t.Errorf("up is %v, problems %+v", r.Up(), s.Problems)
				}
				asked = a.DetailCalls(endpointA, bad)
				r.scrapes(4 * 60)
				if n := a.DetailCalls(endpointA, bad); n != asked {
					t.Errorf("asked for %d more times after it was given up", n-asked)
				}
			})
		})
	}
}

// TestListingOnceAMinute counts the calls for the account's endpoints.
func TestListingOnceAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(endpointA, endpointB)
		r := start(t, a, setup{options: Options{MinInterval: 9 * time.Second}})
		listings := func(want int, why string) {
			t.Helper()
			if got := a.Calls().Requests[simulator.ListEndpoints]; got != want {
				t.Errorf("%s: %d asks, want %d", why, got, want)
			}
			a.ResetCalls()
		}
		r.Start()
		synctest.Wait()
		listings(1, "at the start, without a scrape")
		r.scrapes(40)
		listings(10, "in ten minutes")

		heal := a.AddFault(simulator.Fault{Operation: simulator.ListEvents, EndpointID: endpointB, Do: simulator.Status(404, "no")})
		time.Sleep(45 * time.Second)
		r.scrapes(1)
		a.ResetCalls()
		r.scrapes(36)
		listings(9, "in nine minutes with a wrong hint")
		heal()

		for range 3 {
			r.Hint("eeeeeeeeeeeeeeeeeeeeeeee")
			synctest.Wait()
			r.Hint("ffffffffffffffffffffffff")
			synctest.Wait()
		}
		listings(1, "pages of endpoints that do not exist")
		a.AddEndpoint(simulator.Endpoint{ID: "ffffffffffffffffffffffff", URL: "https://f.example.com", Active: true})
		time.Sleep(10 * time.Minute)
		a.ResetCalls()
		r.Hint("ffffffffffffffffffffffff")
		synctest.Wait()
		listings(1, "a page ten minutes later")
		r.endpoint("ffffffffffffffffffffffff")
	})
}

// Pages of unknown endpoints, and lists that answer 404, make no more calls of an API that
// fails: its listing is asked for once a minute, and syncs keep their interval.
func TestHintsWhileTheAPIFails(t *testing.T) {
	t.Parallel()
	const tries = 3 // of one call
	for name, row := range map[string]struct {
		operation simulator.Operation
		status    int
		most      int // requests for the endpoints in ten minutes
	}{
		"no listing":  {simulator.ListEndpoints, http.StatusInternalServerError, 11 * tries},
		"refused key": {"", http.StatusUnauthorized, 20},
		"outage":      {"", http.StatusInternalServerError, 20 * tries},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newAccount(endpointA, endpointB)
				r := start(t, a, setup{options: Options{MinInterval: 9 * time.Second}})
				r.scrapes(1)
				a.AddFault(simulator.Fault{Operation: simulator.ListEvents, EndpointID: endpointB, Do: simulator.Status(http.StatusNotFound, "no")})
				a.AddFault(simulator.Fault{Operation: row.operation, Do: simulator.Status(row.status, "no")})
				r.scrapes(5)
				a.ResetCalls()
				for range 40 {
					for i := range 15 {
						r.Hint(fmt.Sprintf("%024x", i))
						time.Sleep(time.Second)
					}
					r.waitFor(9500 * time.Millisecond)
				}
				if n := a.Calls().Requests[simulator.ListEndpoints]; n == 0 || n > row.most {
					t.Errorf("%d requests for the endpoints in ten minutes, want at most %d", n, row.most)
				}
			})
		})
	}
}

// TestCallsOfAPair counts the calls for two Prometheus servers that scrape every 15 s, half
// an interval apart.
func TestCallsOfAPair(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(manyIDs(5)...)
		r := start(t, a, setup{options: Options{MinInterval: 9 * time.Second, RateLimit: 20}})
		for range 80 { // ten minutes
			r.waitFor(9500 * time.Millisecond)
			time.Sleep(7500 * time.Millisecond)
		}
		if n := a.Calls().Total(); n > 10*22 {
			t.Errorf("%d calls in ten minutes", n)
		}
	})
}

// TestGoneIsNoFailure checks a removed endpoint: its list answers 404, and the exporter asks
// for the account's endpoints at once.
func TestGoneIsNoFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(endpointA, endpointB)
		r := start(t, a, setup{options: Options{MinInterval: 9 * time.Second}})
		r.scrapes(2)
		a.RemoveEndpoint(endpointB)
		for range 6 {
			r.scrapes(1)
			if s := r.Status(); s.Result != Success || !r.Up() || len(s.Problems) != 0 {
				t.Fatalf("up is %v, %+v", r.Up(), s)
			}
		}
		if n := r.log.Count("level=WARN"); n != 0 {
			t.Errorf("log:\n%s", r.log)
		}
		if shown := r.state.View(time.Now()).Endpoints; len(shown) != 1 {
			t.Errorf("%d endpoints are shown", len(shown))
		}
	})
}

// TestNotReadIsNotWell checks that a list that failed and is then not read for a while does
// not count as well.
func TestNotReadIsNotWell(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(endpointA, endpointB)
		for i := range 6 { // oldest first, so unordered
			a.Insert(endpointB, simulator.Event{
				Type: failedType, CreatedTime: time.Now().Add(time.Duration(i-10) * time.Hour), Answers: []simulator.Answer{simulator.Responded(200)},
			})
		}
		a.AddFault(simulator.Fault{Operation: simulator.ListEvents, EndpointID: endpointB, Do: simulator.OldestFirst()})
		api := &watched{RoundTripper: simulator.Transport(a), takes: 3 * time.Second}
		r := start(t, a, setup{
			options: Options{MinInterval: 9 * time.Second},
			client:  client.Options{Transport: api, MaxListEvents: 4},
		})
		for range 12 {
			r.scrapes(1)
			if s := r.Status(); s.Result != Partial || r.Up() || len(s.Problems) != 1 {
				t.Fatalf("after %d reads of the list up is %v, %+v", len(api.lists[endpointB]), r.Up(), s)
			}
		}
		if n := len(api.lists[endpointB]); n > 5 {
			t.Errorf("%d reads in three minutes, want fewer", n)
		}
		if n := r.log.Count("again"); n != 0 || r.log.Count("List of events failed", "--api.max-list-events") != 1 {
			t.Errorf("log:\n%s", r.log)
		}
	})
}

// TestEndpointsNotListedAreNotWell checks that while the account's endpoints cannot be listed,
// a sync that does not request them is no success either.
func TestEndpointsNotListedAreNotWell(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(endpointA, endpointB)
		r := start(t, a, setup{options: Options{MinInterval: 9 * time.Second}})
		r.scrapes(2)
		heal := a.AddFault(simulator.Fault{Operation: simulator.ListEndpoints, Do: simulator.Status(500, "no")})
		r.scrapes(4)
		for range 8 {
			r.scrapes(1)
			if s := r.Status(); s.Result != Partial || r.Up() || len(s.Problems) != 1 {
				t.Fatalf("up is %v, %+v", r.Up(), s)
			}
		}
		if n := r.log.Count("again"); n != 0 || r.log.Count("List of endpoints failed") != 1 {
			t.Errorf("log:\n%s", r.log)
		}
		heal()
		r.scrapes(5)
		if s := r.Status(); s.Result != Success || !r.Up() || len(s.Problems) != 0 {
			t.Errorf("healed: up is %v, %+v", r.Up(), s)
		}
	})
}

// TestPauseIsNoFailureOfLists checks that lists that are not read because of a long pause
// keep the result of their last read.
func TestPauseIsNoFailureOfLists(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ids := manyIDs(40)
		a := newAccount(ids...)
		r := start(t, a, setup{options: Options{MinInterval: 9 * time.Second, RateLimit: 20}})
		r.scrapes(2)
		heal := a.AddFault(simulator.Fault{Operation: simulator.ListEvents, EndpointID: ids[7], Do: simulator.TooManyRequests(time.Minute)})
		r.scrapes(1)
		heal()
		s := r.Status()
		if s.Result != Partial || r.Up() {
			t.Errorf("up is %v, %+v", r.Up(), s)
		}
		for _, p := range s.Problems {
			if !slices.Contains([]string{"", ids[7]}, p.EndpointID) {
				t.Errorf("%+v", p)
			}
		}
		r.scrapes(6)
		if s := r.Status(); s.Result != Success || !r.Up() || len(s.Problems) != 0 {
			t.Errorf("after the pause up is %v, %+v", r.Up(), s)
		}
	})
}

// oddList is an API whose lists have unusable elements while on is set.
type oddList struct {
	http.RoundTripper
	on atomic.Bool
}

func (o *oddList) RoundTrip(r *http.Request) (*http.Response, error) {
	if !o.on.Load() || !strings.HasSuffix(r.URL.Path, endpointA) {
		return o.RoundTripper.RoundTrip(r)
	}
	body := `[{"created":946684830,"id":"x1","type":"video.process_failed"},{"created":946684830},{"created":946684830,"id":null}]`
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// TestOddElements checks a list with some unusable elements: the log says which member is
// wrong, and the other elements count.
func TestOddElements(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(endpointA)
		odd := &oddList{RoundTripper: simulator.Transport(a)}
		r := start(t, a, setup{options: Options{MinInterval: 9 * time.Second}, client: client.Options{Transport: odd}})
		r.scrapes(2)
		odd.on.Store(true)
		r.scrapes(2)
		if n := r.log.Count("Elements of a list cannot be used", "endpoint_id="+endpointA, `2 have no usable`, "id"); n != 1 {
			t.Errorf("log:\n%s", r.log)
		}
		s := r.Status()
		if s.Result != Success || !r.Up() || !slices.ContainsFunc(s.Problems, func(p Problem) bool { return p.Operation == UseElements }) {
			t.Errorf("up is %v, %+v", r.Up(), s)
		}
		odd.on.Store(false)
		r.scrapes(5)
		if r.log.Count("Every element of the list can be used again") != 1 {
			t.Errorf("log:\n%s", r.log)
		}
	})
}

// TestFirstSyncIsAnnounced checks that one line says which account this is, after the first
// sync that could list it.
func TestFirstSyncIsAnnounced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(endpointA, endpointB)
		heal := a.AddFault(simulator.Fault{Operation: simulator.ListEndpoints, Do: simulator.Status(500, "no")})
		r := start(t, a, setup{options: Options{MinInterval: 9 * time.Second}})
		const line = "Synced for the first time since the start"
		r.scrapes(5)
		if n := r.log.Count(line); n != 0 {
			t.Errorf("before the account's endpoints are known:\n%s", r.log)
		}
		heal()
		r.scrapes(10)
		if r.log.Count(line) != 1 || r.log.Count(line, "company_id="+simulator.DefaultCompanyID, "endpoints=2") != 1 {
			t.Errorf("log:\n%s", r.log)
		}
	})
}

// TestLeadThatLapses checks that a replica that is briefly not sure to lead, for example because its
// database is slow, does not report the calls that it did not make as failures of the API.
func TestLeadThatLapses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(endpointA)
		r := start(t, a, setup{options: Options{MinInterval: 9 * time.Second}})
		var lapsed atomic.Bool
		r.api.(*client.Client).Limiter().Guard(func(context.Context) error {
			if lapsed.Load() {
				return state.ErrFollows
			}
			return nil
		})
		r.scrapes(2)
		lapsed.Store(true)
		time.Sleep(listingEvery)
		r.waitFor(9500 * time.Millisecond)
		if s := r.Status(); len(s.Problems) != 0 || !r.Up() {
			t.Errorf("up is %v, problems: %v", r.Up(), s.Problems)
		}
		lapsed.Store(false)
		r.scrapes(2)
		if s := r.Status(); s.Result != Success || !r.Up() || r.log.Count("level=WARN") > 0 {
			t.Errorf("up is %v, %+v, log:\n%s", r.Up(), s, r.log)
		}
	})
}
