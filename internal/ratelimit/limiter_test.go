package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestTurnsAlternate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &callers{limiter: New(16, 0.5)} // one request every 2 s
		for i := range 4 {
			c.call(fmt.Sprint("detail ", i), Details, 0)
		}
		time.Sleep(time.Second)
		for i := range 4 {
			c.call(fmt.Sprint("list ", i), Lists, 0)
		}
		c.expect(t, "detail 0 +0s", "list 0 +1s", "detail 1 +4s", "list 1 +5s", "detail 2 +8s", "list 2 +9s", "detail 3 +12s", "list 3 +13s")
	})
}

// A waiting class gets every second turn, however often the other one calls.
func TestNoClassStarves(t *testing.T) {
	t.Parallel()
	for _, few := range []Class{Lists, Details} {
		synctest.Test(t, func(t *testing.T) {
			l := New(4, 1)
			ctx, cancel := context.WithCancel(t.Context())
			var flood sync.WaitGroup
			for range 50 {
				flood.Go(func() {
					for ctx.Err() == nil {
						if slot, _, err := l.Acquire(ctx, 1-few); err == nil {
							slot.Release()
						}
					}
				})
			}
			synctest.Wait()
			patience, stop := context.WithTimeout(t.Context(), 20*time.Second)
			defer stop()
			for i := range 10 {
				slot, _, err := l.Acquire(patience, few)
				if err != nil {
					t.Errorf("%d calls of class %d in 20 s", i, few)
					break
				}
				slot.Release()
			}
			cancel()
			flood.Wait()
		})
	}
}

func TestSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &callers{limiter: New(2, 0)}
		c.call("detail 1", Details, 3*time.Second)
		c.call("detail 2", Details, 5*time.Second)
		c.call("detail 3", Details, time.Second)
		c.call("list 1", Lists, time.Second)
		c.expect(t, "detail 1 +0s", "detail 2 +0s", "list 1 +3s", "detail 3 +4s")
	})
}

func TestCancel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &callers{limiter: New(16, 0.1)}
		c.call("first", Details, 0)
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		var limited time.Duration
		var err error
		c.done.Go(func() { _, limited, err = c.limiter.Acquire(ctx, Lists) })
		synctest.Wait()
		c.call("third", Details, 0)
		c.expect(t, "first +0s", "third +10s") // the caller that gave up took no turn
		if !errors.Is(err, context.DeadlineExceeded) || limited != 4*time.Second {
			t.Errorf("error %v after %v", err, limited)
		}
		free := New(1, 0)
		for range 50 {
			if _, _, err := free.Acquire(ctx, Lists); !errors.Is(err, context.DeadlineExceeded) || free.busy != 0 {
				t.Fatalf("a caller with an ended context gets a slot: %v", err)
			}
		}
	})
}

// A slot that is granted just as its caller gives up is not lost.
func TestCancelMeetsGrant(t *testing.T) {
	t.Parallel()
	for _, class := range []Class{Lists, Details} {
		l := New(1, 0)
		for range 1000 {
			held := acquire(t, l, class)
			ctx, cancel := context.WithCancel(t.Context())
			var both sync.WaitGroup
			both.Go(cancel)
			both.Go(held.Release)
			if slot, _, err := l.Acquire(ctx, class); err == nil {
				slot.Release()
			}
			both.Wait()
			if l.busy != 0 || l.lists != 0 || l.queues[class].Len() != 0 {
				t.Fatalf("%d slots taken, %d lists, %d waiting", l.busy, l.lists, l.queues[class].Len())
			}
		}
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &callers{limiter: New(1, 0)}
		begin := time.Now()
		c.call("busy", Details, time.Second)
		c.call("waiting", Details, 0)
		if left := c.limiter.BackOff(Backoff{Sent: time.Now(), Wait: 9 * time.Second}); left < 9*time.Second {
			t.Errorf("pause of %v", left)
		}
		c.call("later", Lists, 0)
		c.done.Wait()
		if len(c.log) != 3 || time.Since(begin) < 9*time.Second || time.Since(begin) > 10*time.Second {
			t.Errorf("%q in %v", c.log, time.Since(begin))
		}
	})
}

func TestLongPauseRefusesAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(1, 0)
		held := acquire(t, l, Details)
		refused := make(chan error)
		for _, class := range []Class{Lists, Details} {
			go func() {
				_, _, err := l.Acquire(t.Context(), class)
				refused <- err
			}()
		}
		synctest.Wait()
		begin := time.Now()
		left := l.BackOff(Backoff{Sent: begin, Wait: 11 * time.Second})
		for range 2 {
			if paused, ok := errors.AsType[*PausedError](<-refused); !ok || paused.Left != left {
				t.Errorf("a waiting call: %v", paused)
			}
		}
		if _, _, err := l.Acquire(t.Context(), Lists); err == nil {
			t.Error("a call begins during the pause")
		}
		if time.Since(begin) != 0 {
			t.Errorf("refused after %v", time.Since(begin))
		}
		time.Sleep(left - Patience) // now it is worth waiting
		held.Release()
		if _, limited, err := l.Acquire(t.Context(), Details); err != nil || limited != Patience {
			t.Errorf("error %v, waited %v", err, limited)
		}
	})
}

// Time spent waiting for a slot does not count as waiting for the rate.
func TestLimitedWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(1, 1)
		expect := func(class Class, want time.Duration) *Slot {
			slot, limited, err := l.Acquire(t.Context(), class)
			if limited != want || err != nil {
				t.Errorf("limited for %v instead of %v, error %v", limited, want, err)
			}
			return slot
		}
		slot := expect(Details, 0)
		time.AfterFunc(400*time.Millisecond, slot.Release)
		slot = expect(Details, 600*time.Millisecond)
		time.AfterFunc(5*time.Second, slot.Release)
		slot = expect(Lists, 0)
		slot.StepAside() // while this list is being read, no other one starts
		time.AfterFunc(500*time.Millisecond, slot.Release)
		expect(Lists, 500*time.Millisecond)
	})
}

func TestGuard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(1, 1)
		var lost atomic.Bool
		l.Guard(func(context.Context) error {
			if lost.Load() {
				return errors.ErrUnsupported
			}
			return nil
		})
		acquire(t, l, Details).Release()
		time.AfterFunc(500*time.Millisecond, func() { lost.Store(true) })
		begin := time.Now() // the guard is called after the wait
		if slot, _, err := l.Acquire(t.Context(), Lists); !errors.Is(err, errors.ErrUnsupported) || slot != nil || time.Since(begin) != time.Second {
			t.Errorf("error %v after %v", err, time.Since(begin))
		}
		if l.busy != 0 || l.lists != 0 {
			t.Errorf("%d slots taken, %d lists", l.busy, l.lists)
		}
	})
}
