package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var errAway = errors.New("cannot connect to postgres://user:hunter2@db.example/state: " + testKey)

// While nobody knows when a request may go, none goes: the callers are told after
// some seconds. It heals by itself.
func TestLimiterAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, s, o := newAccount(t), &server{}, &counts{}
		c := newClient(t, "http://api", Options{Transport: s, RateLimit: 100, Turns: a, Observer: o})
		a.err = errAway
		for range 2 { // at once when it is known
			begin := time.Now()
			err := getEvent(t.Context(), c)
			failed, ok := errors.AsType[*Error](err)
			if !ok || !errors.Is(err, ErrLimiter) || !errors.Is(err, errAway) || failed.Op != OpGetEvent || time.Since(begin) > 6*time.Second {
				t.Errorf("error %v after %v", err, time.Since(begin))
			}
			if text := err.Error(); strings.Contains(text, "hunter2") || strings.Contains(text, testKey) || !strings.Contains(text, "db.example") {
				t.Errorf("error %s", text)
			}
		}
		if len(s.asked()) != 0 || len(o.codes) != 0 || o.retries != 0 || o.waited == 0 || c.gate.busy != 0 {
			t.Errorf("%d requests, %+v", len(s.asked()), o)
		}
		a.set(func() { a.err = nil })
		time.Sleep(2 * lastRetry)
		begin := time.Now()
		if err := getEvent(t.Context(), c); err != nil || time.Since(begin) > 3*a.way {
			t.Errorf("error %v after %v", err, time.Since(begin))
		}
	})
}

// Turns that always come too late are as good as none.
func TestLimiterTooSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, s := newAccount(t), &server{}
		a.way = 800 * time.Millisecond
		begin := time.Now()
		err := getEvent(t.Context(), replicas(t, 1, 100, a, s)[0])
		if !errors.Is(err, ErrLimiter) || !errors.Is(err, errLate) || time.Since(begin) > 8*time.Second || len(s.asked()) != 0 {
			t.Errorf("error %v after %v", err, time.Since(begin))
		}
	})
}

func TestLimiterAwayForAMoment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, s := newAccount(t), &server{}
		c := replicas(t, 1, 100, a, s)[0]
		a.err = errAway
		time.AfterFunc(1500*time.Millisecond, func() { a.set(func() { a.err = nil }) })
		begin := time.Now()
		if failed := ask(c, 8, 1); failed > 0 || time.Since(begin) > 3*time.Second {
			t.Errorf("%d calls failed, after %v", failed, time.Since(begin))
		}
	})
}

// What the API asked for while the limiter was away reaches the others when it is
// back, whoever asks then.
func TestRefusalOutlivesAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(t)
		refusing := &server{took: time.Second, refuse: func() *http.Response { return answerWith(429, "", "Retry-After: 60") }}
		one := replicas(t, 1, 10, a, refusing)[0]
		time.AfterFunc(500*time.Millisecond, func() { a.set(func() { a.err = errAway }) })
		if err := getEvent(t.Context(), one); !errors.Is(err, ErrRateLimited) {
			t.Fatal(err)
		}
		until := one.Limits().PausedUntil
		time.Sleep(20 * time.Second)
		a.set(func() { a.err = nil })
		time.Sleep(3 * time.Second)
		other := replicas(t, 1, 10, a, refusing)[0]
		if err := getEvent(t.Context(), other); !errors.Is(err, ErrRateLimited) || len(refusing.asked()) != 1 {
			t.Errorf("error %v after %d requests", err, len(refusing.asked()))
		}
		_, _, state := a.seen()
		if late := state.PausedUntil.Sub(until); late < -time.Second || late > time.Second {
			t.Errorf("the pause ends %v later for all", late)
		}
		if state.Share != 0.5 {
			t.Errorf("share %v", state.Share)
		}
	})
}

// Callers come and give up at any moment: no slot is lost, and none is left in line.
func TestSharedGateUnderChaos(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(t)
		g := newGate(4, 300, a)
		var all sync.WaitGroup
		passed := 0
		for i := range 40 {
			all.Go(func() {
				rng := rand.New(rand.NewPCG(1, uint64(i)))
				for range 100 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.IntN(200))*time.Millisecond)
					if _, err := g.acquire(ctx, rng.IntN(3) == 0); err == nil {
						time.Sleep(time.Duration(rng.IntN(20)) * time.Millisecond)
						switch sent := time.Now(); rng.IntN(200) {
						case 0:
							g.refused(sent, time.Duration(rng.IntN(100))*time.Millisecond, false)
						case 1:
							a.set(func() { a.err, a.hang = errAway, time.Duration(rng.IntN(500))*time.Millisecond })
						default:
							a.set(func() { a.err = nil })
							g.succeeded(sent)
						}
						g.release()
						g.mu.Lock()
						passed++
						g.mu.Unlock()
					}
					cancel()
					time.Sleep(time.Duration(rng.IntN(5)) * time.Millisecond)
					if rng.IntN(20) == 0 {
						a.set(func() { a.err = nil })
					}
				}
			})
		}
		all.Wait()
		time.Sleep(2 * nobodyKnows) // nothing is left to do
		synctest.Wait()
		if g.busy != 0 || g.waiting() != 0 || g.pace.(*sharedPace).talking || passed < 1000 {
			t.Errorf("%d slots taken, %d in line, talking %v, %d passed", g.busy, g.waiting(), g.pace.(*sharedPace).talking, passed)
		}
	})
}
