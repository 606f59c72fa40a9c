package simulator_test

import (
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/internal/simulator"
)

// TestCalls checks the counts of requests.
func TestCalls(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []simulator.Request
	a := simulator.New(simulator.Options{Now: stopped, Observe: func(r simulator.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r)
	}})
	id := a.AddEndpoint(simulator.Endpoint{})
	asked := a.Emit(id, "video.uploaded", simulator.Responded(200))
	quiet := a.Emit(id, "video.uploaded", simulator.Responded(200))
	s := serve(t, a)
	s.ok("all")
	s.ok(id)
	s.ok(id)
	s.ok(id + "/events/" + asked)
	s.client.CloseIdleConnections() // or the client would repeat the request
	remove := s.AddFault(simulator.Fault{Do: simulator.Reset()})
	if _, _, err := s.get(id + "/events/" + asked); err == nil {
		t.Error("no error after a reset")
	}
	remove()

	c := s.Calls()
	for name, count := range map[string]struct{ got, want int }{
		"total":               {c.Total(), 5},
		"list_endpoints":      {c.Requests[simulator.ListEndpoints], 1},
		"list_endpoints, 200": {c.Count(simulator.ListEndpoints, 200), 1},
		"list_events, 200":    {c.Count(simulator.ListEvents, 200), 2},
		"get_event, 200":      {c.Count(simulator.GetEvent, 200), 1},
		"lists":               {c.Lists[id], 2},
		"per second":          {c.MaxPerSecond, 5},
		"details":             {s.DetailCalls(id, asked), 2},
		"details, none":       {s.DetailCalls(id, quiet), 0},
		"most details":        {s.MaxDetailCalls(), 2},
	} {
		if count.got != count.want {
			t.Errorf("%s: %d, want %d", name, count.got, count.want)
		}
	}
	s.ResetCalls()
	if got := s.Calls().Total(); got != 0 {
		t.Errorf("%d requests after the reset", got)
	}
	if s.ok("all"); s.Calls().Total() != 1 {
		t.Error("no request counted after the reset")
	}
	mu.Lock()
	defer mu.Unlock()
	if last := seen[3]; last.Operation != simulator.GetEvent || last.EventID != asked || last.EndpointID != id ||
		last.Code != 200 || last.Header.Get("Authorization") == "" {
		t.Errorf("observed %+v", last)
	}
}

// TestMaxima checks the highest number of concurrent requests, and of requests in a second.
func TestMaxima(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, id := bubble(t)
		s.AddFault(simulator.Fault{Do: simulator.Delay(250 * time.Millisecond)})
		var working sync.WaitGroup
		for range 3 {
			working.Go(func() {
				for range 8 {
					s.ok(id)
				}
			})
		}
		working.Wait()
		if c := s.Calls(); c.MaxConcurrent != 3 || c.MaxPerSecond != 12 {
			t.Errorf("%d at a time, %d in a second; want 3 and 12", c.MaxConcurrent, c.MaxPerSecond)
		}
		if c := s.Calls(); c.Count(simulator.ListEvents, 0) != 0 || c.Count(simulator.ListEvents, 200) != 24 {
			t.Errorf("answers %v", c.Answers)
		}
		working.Go(func() { s.ok(id) })
		synctest.Wait()
		s.ResetCalls()
		if c := s.Calls(); c.MaxConcurrent != 1 || c.Total() != 0 {
			t.Errorf("after a reset during a request: %+v", c)
		}
		working.Wait()
	})
}

// TestLimitRate checks that a client that obeys Retry-After gets the full rate, and that a
// faster one is refused.
func TestLimitRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := bubble(t)
		s.LimitRate(5)
		refused := ""
		for i := range 6 {
			resp, _, err := s.get("all")
			if err != nil {
				t.Fatal(err)
			}
			if (resp.StatusCode == http.StatusTooManyRequests) != (i == 5) {
				t.Errorf("request %d: %s", i, resp.Status)
			}
			refused = resp.Header.Get("Retry-After")
		}
		seconds, err := strconv.Atoi(refused)
		if err != nil || seconds != 1 {
			t.Fatalf("Retry-After: %q", refused)
		}
		time.Sleep(time.Second)
		for range 5 {
			s.ok("all")
		}
		s.LimitRate(0.1)
		s.ok("all")
		if resp, _, _ := s.get("all"); resp.Header.Get("Retry-After") != "10" {
			t.Errorf("Retry-After: %v, want 10", resp.Header)
		}
		s.LimitRate(0)
		for range 100 {
			s.ok("all")
		}
	})
}
