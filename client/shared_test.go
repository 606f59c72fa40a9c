package client

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Together the replicas stay within the rate in every second, and they use it.
func TestReplicasKeepTheRate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		perSecond   float64
		n, each     int // calls of each of 32 callers of each replica
		way, took   time.Duration
		least, most float64 // of the time that the rate gives
		asks        int     // reservations a second, of all
	}{
		{"one alone", 500, 1, 60, time.Millisecond, 20 * time.Millisecond, 0.95, 1.05, 20},
		{"three", 500, 3, 20, time.Millisecond, 20 * time.Millisecond, 0.95, 1.1, 100},
		{"ten", 100, 10, 3, time.Millisecond, 20 * time.Millisecond, 0.95, 1.1, 200},
		{"slow database", 200, 3, 10, 70 * time.Millisecond, 20 * time.Millisecond, 0.95, 1.4, 60},
		{"slow database, one alone", 200, 1, 20, 40 * time.Millisecond, 20 * time.Millisecond, 0.95, 1.4, 60},
		{"slow API", 500, 3, 5, time.Millisecond, 2 * time.Second, 0.9, 11, 100},
		{"below one a second", 0.5, 2, 1, time.Millisecond, 0, 0.95, 1.05, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, s := newAccount(t), &server{took: tt.took}
				a.way = tt.way
				var all sync.WaitGroup
				begin := time.Now()
				for _, c := range replicas(t, tt.n, tt.perSecond, a, s) {
					all.Go(func() {
						if failed := ask(c, 32, tt.each); failed > 0 {
							t.Errorf("%d calls failed", failed)
						}
						if c.gate.busy != 0 {
							t.Errorf("%d slots still taken", c.gate.busy)
						}
					})
				}
				all.Wait()
				took := time.Since(begin) - tt.took
				calls := 32 * tt.n * tt.each
				want := time.Duration(float64(calls-1) / tt.perSecond * float64(time.Second))
				if got := float64(took) / float64(want); len(s.asked()) != calls || got < tt.least || got > tt.most {
					t.Errorf("%d calls took %v, %v at that rate", len(s.asked()), took, want)
				}
				asked, _, _ := a.seen()
				if got := float64(asked) / took.Seconds(); got > float64(tt.asks) {
					t.Errorf("%v reservations a second", got)
				} else {
					t.Logf("%.2f of the time, %.1f reservations a second", float64(took)/float64(want), got)
				}
				s.within(t, tt.perSecond)
			})
		})
	}
}

func TestSharedListsGoFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(t)
		a.way = 0
		l := &line{gate: newGate(16, 0.5, a)} // one request every 2 s
		l.join("detail 1", false, 0)
		l.join("detail 2", false, 0)
		l.join("detail 3", false, 0)
		time.Sleep(time.Second)
		l.join("list 1", true, 0)
		l.join("list 2", true, 0)
		l.expect(t, "detail 1 +0s", "list 1 +1s", "list 2 +3s", "detail 2 +6s", "detail 3 +8s")
	})
}

func TestSharedSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(t)
		a.way = 0
		l := &line{gate: newGate(2, 0, a)}
		l.join("detail 1", false, 3*time.Second)
		l.join("detail 2", false, 5*time.Second)
		l.join("detail 3", false, time.Second)
		l.join("list 1", true, time.Second)
		l.expect(t, "detail 1 +0s", "detail 2 +0s", "list 1 +3s", "detail 3 +4s")
		time.Sleep(talkTimeout)
		synctest.Wait()
		if l.gate.busy != 0 || a.crowded {
			t.Errorf("%d slots still taken, two questions at a time: %v", l.gate.busy, a.crowded)
		}
	})
}

// A process that was stopped while an answer was on its way, or while it held turns,
// does not come back with a burst of them.
func TestNoBurstAfterAStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, s := newAccount(t), &server{}
		c := replicas(t, 1, 100, a, s)[0]
		a.hang = 3 * time.Second
		if failed := ask(c, 32, 1); failed > 0 {
			t.Errorf("%d calls failed", failed)
		}
		first := s.asked()
		if spread := first[31].Sub(first[0]); spread < 300*time.Millisecond {
			t.Errorf("an old answer: 32 requests in %v", spread)
		}
		// Turns are left: more were reserved than there were calls.
		c.gate.mu.Lock()
		held := c.gate.pace.(*sharedPace).held(time.Now())
		c.gate.mu.Unlock()
		if held == 0 {
			t.Error("no turns are left for this test")
		}
		time.Sleep(3 * time.Second)
		begin := time.Now()
		if failed := ask(c, 32, 1); failed > 0 || time.Since(begin) < 300*time.Millisecond {
			t.Errorf("old turns: 32 requests in %v", time.Since(begin))
		}
	})
}

// A pause reaches the others within a quarter of a second, with a limit and without.
func TestPauseReachesAllReplicas(t *testing.T) {
	t.Parallel()
	for _, perSecond := range []float64{0, 50, 1000} {
		synctest.Test(t, func(t *testing.T) {
			a, busy := newAccount(t), &server{took: 20 * time.Millisecond}
			refusing := &server{refuse: func() *http.Response { return answerWith(429, "", "Retry-After: 8") }}
			ctx, cancel := context.WithCancel(t.Context())
			var all sync.WaitGroup
			for _, c := range replicas(t, 2, perSecond, a, busy) {
				for range 8 {
					all.Go(func() {
						for ctx.Err() == nil {
							_ = getEvent(ctx, c)
						}
					})
				}
			}
			time.Sleep(3 * time.Second)
			one := replicas(t, 1, perSecond, a, refusing)[0]
			once, stop := context.WithTimeout(ctx, time.Second)
			defer stop()
			if err := getEvent(once, one); err == nil {
				t.Error("nothing was refused")
			}
			from := refusing.asked()[0]
			time.Sleep(time.Until(from.Add(10 * time.Second)))
			cancel()
			all.Wait()
			before, after := 0, 0
			for _, at := range busy.asked() {
				switch since := at.Sub(from); {
				case since < TurnsAhead+10*time.Millisecond:
					before++
				case since < 8*time.Second:
					t.Fatalf("rate %v: a request %v into the pause", perSecond, since)
				default:
					after++
				}
			}
			if before == 0 || after == 0 {
				t.Errorf("rate %v: %d requests before, %d after the pause", perSecond, before, after)
			}
			if l := one.Limits(); l.Configured != perSecond || l.Current != perSecond/2 || l.PausedUntil.Before(from.Add(8*time.Second)) {
				t.Errorf("limits %+v", l)
			}
		})
	}
}

// Where a turn is rare and everybody wants it, nobody goes without for long.
func TestReplicasTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(t)
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				s := &server{}
				c := replicas(t, 1, 1, a, s)[0]
				if failed := ask(c, 2, 500); failed > 0 {
					t.Errorf("%d calls failed", failed)
				}
				times := s.asked()
				for i := range times[1:] {
					if gap := times[i+1].Sub(times[i]); gap > 9*time.Second {
						t.Errorf("a replica waited for %v", gap)
					}
				}
			})
		}
		all.Wait()
	})
}

// A pause that no call waits for is known before the first request of a replica.
func TestLongPauseOfAnotherReplica(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(t)
		refusing := &server{refuse: func() *http.Response { return answerWith(429, "", "Retry-After: 60") }}
		two := replicas(t, 2, 10, a, refusing)
		for range two {
			_ = getEvent(t.Context(), two[0])
		}
		time.Sleep(TurnsAhead) // by then it is told
		err := getEvent(t.Context(), two[1])
		if failed, ok := errors.AsType[*Error](err); !ok || !errors.Is(err, ErrRateLimited) || failed.RetryAfter < 59*time.Second || len(refusing.asked()) != 1 {
			t.Errorf("error %v after %d requests", err, len(refusing.asked()))
		}
	})
}

// The rate comes back by steps for all, and successes are not told one by one.
func TestReplicasRecover(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, s := newAccount(t), &server{}
		two := replicas(t, 2, 100, a, s)
		a.state.Share, a.state.Changed = 0.5, time.Now()
		for range 600 {
			for _, c := range two {
				if err := getEvent(t.Context(), c); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		_, told, state := a.seen()
		if state.Share != 1 || two[0].Limits().Current != 100 || told > 2*5+2 {
			t.Errorf("share %v, limits %+v, %d times told", state.Share, two[0].Limits(), told)
		}
	})
}

// Without a limit a reservation is not made for every request.
func TestReplicasWithoutLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, s := newAccount(t), &server{took: 10 * time.Millisecond}
		begin := time.Now()
		if failed := ask(replicas(t, 1, 0, a, s)[0], 16, 200); failed > 0 {
			t.Errorf("%d calls failed", failed)
		}
		asked, _, _ := a.seen()
		if took := time.Since(begin); took > 2010*time.Millisecond || asked > 20 {
			t.Errorf("3200 requests in %v with %d reservations", took, asked)
		}
	})
}
