package ratelimit

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// Processes that lead in turn keep the rate together as one process does, whenever they hand
// over and however much they know of each other.
func TestRestoreKeepsTheRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(*testing.T) {
			perSecond := rapid.Float64Range(0.2, 200).Draw(rt, "rate")
			slots := rapid.IntRange(1, 64).Draw(rt, "slots")
			processes := []*Limiter{New(slots, perSecond), New(slots, perSecond), New(slots, perSecond)}
			var taken []time.Time
			leader := processes[0]
			for range rapid.IntRange(2, 12).Draw(rt, "terms") {
				// The leader sends requests at the full rate, or idles and saves turns.
				n := rapid.IntRange(0, int(2*perSecond)+2).Draw(rt, "requests")
				for range n {
					slot, _, err := leader.Acquire(context.Background(), Details)
					if err != nil {
						rt.Fatal(err)
					}
					taken = append(taken, time.Now())
					slot.Release()
				}
				snapshot, written := leader.Snapshot(), time.Now()
				time.Sleep(time.Duration(rapid.IntRange(0, 3000).Draw(rt, "gap")) * time.Millisecond)
				next := rapid.SampledFrom(processes).Draw(rt, "leader")
				if rapid.Bool().Draw(rt, "killed") {
					snapshot.SinceRequest = 0 // the time of its last request is unknown
				} else {
					snapshot.SinceRequest += time.Since(written)
				}
				next.Restore(snapshot)
				leader = next
			}
			expectRate(rt, taken, perSecond)
		})
	})
}

func TestRestoreObeysThePause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		before, after := New(1, 0), New(1, 0)
		before.BackOff(Backoff{Sent: time.Now(), Wait: 8 * time.Second, SlowDown: true})
		time.Sleep(time.Second)
		snapshot := before.Snapshot()
		if snapshot.Pause < 7*time.Second || snapshot.Pause > 8*time.Second || snapshot.Share != 0.5 || snapshot.SinceShare != time.Second {
			t.Errorf("snapshot %+v", snapshot)
		}
		after.Restore(snapshot)
		begin := time.Now()
		acquire(t, after, Lists).Release()
		if waited := time.Since(begin); waited != snapshot.Pause {
			t.Errorf("waited for %v of %v", waited, snapshot.Pause)
		}
	})
}

// A restored pause that is longer than calls wait also ends the calls that already wait.
func TestRestoreRefusesThoseThatWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(1, 1)
		acquire(t, l, Lists).Release()
		refused := make(chan error)
		go func() {
			_, _, err := l.Acquire(t.Context(), Details)
			refused <- err
		}()
		synctest.Wait()
		l.Restore(Snapshot{Pause: time.Minute, Share: 1})
		if paused, ok := errors.AsType[*PausedError](<-refused); !ok || paused.Left != time.Minute {
			t.Errorf("%v", paused)
		}
	})
}

// A longer pause of this process outlasts a restored one.
func TestRestoreKeepsALongerPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(1, 0)
		left := l.BackOff(Backoff{Sent: time.Now(), Wait: time.Minute})
		l.Restore(Snapshot{Pause: time.Second, Share: 1})
		if got := l.Snapshot().Pause; got != left {
			t.Errorf("%v left of %v", got, left)
		}
	})
}

// However often the lease changes hands, the rate recovers after a 429 as in one process, and
// guessed pauses grow as in one process.
func TestRestoreGoesOnRecovering(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := New(1, 16), New(1, 16)
		for range 3 {
			time.Sleep(time.Second)
			a.BackOff(Backoff{Sent: time.Now(), SlowDown: true})
			b.Restore(a.Snapshot())
			a, b = b, a
			time.Sleep(a.Snapshot().Pause)
		}
		if got := a.Snapshot(); got.Share != 0.125 || got.Guesses != 3 {
			t.Errorf("snapshot %+v", got)
		}
		for range 25 { // every 4 s, while a step takes 10 s
			time.Sleep(4 * time.Second)
			a.Succeeded(time.Now())
			b.Restore(a.Snapshot())
			a, b = b, a
		}
		if got := a.Snapshot(); got.Share < 0.9 || got.Guesses != 0 {
			t.Errorf("snapshot %+v after 100 s", got)
		}
	})
}

// A new limiter has the state of one that has been idle for a long time.
func TestStateOfANewLimiter(t *testing.T) {
	t.Parallel()
	got := New(1, 1).Snapshot()
	if want := (Snapshot{Share: 1, SinceShare: never, SinceRequest: never}); got != want {
		t.Errorf("snapshot %+v, want %+v", got, want)
	}
	l := New(1, 1)
	l.Restore(Snapshot{SinceShare: never, SinceRequest: never})
	acquire(t, l, Lists).Release()
	if l.Limits().Current != 1 {
		t.Errorf("limits %+v", l.Limits())
	}
}
