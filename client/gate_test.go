package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// line makes callers queue at a gate one after the other and notes who passes when.
type line struct {
	gate *gate
	mu   sync.Mutex
	done sync.WaitGroup
	log  []string
}

func (l *line) join(name string, isList bool, hold time.Duration) {
	begin := time.Now()
	l.done.Go(func() {
		if _, err := l.gate.acquire(context.Background(), isList); err != nil {
			name += " refused"
		}
		l.mu.Lock()
		l.log = append(l.log, fmt.Sprintf("%s +%v", name, time.Since(begin)))
		l.mu.Unlock()
		time.Sleep(hold)
		l.gate.release()
	})
	synctest.Wait() // it is in line before the next one
}

func (l *line) expect(t *testing.T, want ...string) {
	t.Helper()
	l.done.Wait()
	if !slices.Equal(l.log, want) {
		t.Errorf("got  %q\nwant %q", l.log, want)
	}
}

func TestGateListsGoFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &line{gate: newGate(16, 0.5, nil)} // one request every 2 s
		l.join("detail 1", false, 0)
		l.join("detail 2", false, 0)
		l.join("detail 3", false, 0)
		time.Sleep(time.Second)
		l.join("list 1", true, 0)
		l.join("list 2", true, 0)
		l.expect(t, "detail 1 +0s", "list 1 +1s", "list 2 +3s", "detail 2 +6s", "detail 3 +8s")
	})
}

func TestGateSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &line{gate: newGate(2, 0, nil)}
		l.join("detail 1", false, 3*time.Second)
		l.join("detail 2", false, 5*time.Second)
		l.join("detail 3", false, time.Second)
		l.join("list 1", true, time.Second)
		l.expect(t, "detail 1 +0s", "detail 2 +0s", "list 1 +3s", "detail 3 +4s")
		if l.gate.busy != 0 {
			t.Errorf("%d slots still taken", l.gate.busy)
		}
	})
}

func TestGateCancel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &line{gate: newGate(16, 0.1, nil)}
		l.join("first", false, 0)
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		var limited time.Duration
		var err error
		l.done.Go(func() { limited, err = l.gate.acquire(ctx, true) })
		synctest.Wait()
		l.join("third", false, 0)
		l.expect(t, "first +0s", "third +10s") // the one that left took no turn
		if !errors.Is(err, context.DeadlineExceeded) || limited != 4*time.Second {
			t.Errorf("error %v after %v", err, limited)
		}
		free := newGate(1, 0, nil)
		for range 50 {
			if _, err := free.acquire(ctx, true); !errors.Is(err, context.DeadlineExceeded) || free.busy != 0 {
				t.Fatalf("an ended context passes: %v", err)
			}
		}
	})
}

// A slot that is granted in the moment in which its caller gives up is not lost.
func TestGateCancelMeetsGrant(t *testing.T) {
	t.Parallel()
	g := newGate(1, 0, nil)
	for range 2000 {
		if _, err := g.acquire(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var both sync.WaitGroup
		both.Go(cancel)
		both.Go(g.release)
		if _, err := g.acquire(ctx, false); err == nil {
			g.release()
		}
		both.Wait()
		if g.busy != 0 || g.details.Len() != 0 {
			t.Fatalf("%d slots taken, %d in line", g.busy, g.details.Len())
		}
	}
}

func TestGatePause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &line{gate: newGate(1, 0, nil)}
		begin := time.Now()
		l.join("busy", false, time.Second)
		l.join("waiting", false, 0)
		if left := l.gate.refused(time.Now(), 9*time.Second, false); left < 9*time.Second {
			t.Errorf("pause of %v", left)
		}
		l.join("later", true, 0)
		l.done.Wait()
		if len(l.log) != 3 || time.Since(begin) < 9*time.Second || time.Since(begin) > 10*time.Second {
			t.Errorf("%q in %v", l.log, time.Since(begin))
		}
	})
}

func TestGateLongPauseRefusesAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 0, nil)
		if _, err := g.acquire(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		refusal := make(chan error)
		for _, isList := range []bool{true, false} {
			go func() {
				_, err := g.acquire(t.Context(), isList)
				refusal <- err
			}()
		}
		synctest.Wait()
		begin := time.Now()
		left := g.refused(begin, 11*time.Second, false)
		for range 2 {
			if paused, ok := errors.AsType[*pausedError](<-refusal); !ok || paused.left != left {
				t.Errorf("one in line: %v", paused)
			}
		}
		if _, err := g.acquire(t.Context(), true); err == nil {
			t.Error("a call begins during the pause")
		}
		if time.Since(begin) != 0 {
			t.Errorf("refused after %v", time.Since(begin))
		}
		time.Sleep(left - patience) // now it is worth waiting
		g.release()
		if limited, err := g.acquire(t.Context(), false); err != nil || limited != patience {
			t.Errorf("error %v, waited %v", err, limited)
		}
		g.release()
	})
}

// The wait for a slot is none for the rate.
func TestGateLimitedWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 1, nil)
		if limited, err := g.acquire(t.Context(), false); limited != 0 || err != nil {
			t.Fatal(limited, err)
		}
		time.AfterFunc(400*time.Millisecond, g.release)
		if limited, err := g.acquire(t.Context(), false); limited != 600*time.Millisecond || err != nil {
			t.Errorf("limited for %v, error %v", limited, err)
		}
		time.AfterFunc(5*time.Second, g.release)
		if limited, err := g.acquire(t.Context(), false); limited != 0 || err != nil {
			t.Errorf("limited for %v, error %v", limited, err)
		}
		g.release()
	})
}
