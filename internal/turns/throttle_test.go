package turns

import (
	"sync"
	"testing"
	"time"

	"omegastream_exporter/client"
)

func TestPauseHoldsForAll(t *testing.T) {
	t.Parallel()
	all := limiters(t, fresh(t), 3)
	now := time.Now()
	mine, err := all[0].Refused(t.Context(), client.Refusal{Sent: now, Answered: now, RetryAfter: 8 * time.Second, SlowDown: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range all {
		g, err := l.Reserve(t.Context(), 10, 100)
		if err != nil || g.Turns != 0 || g.Throttle.Share != 0.5 {
			t.Errorf("%+v, error %v", g, err)
		}
		if early := mine.PausedUntil.Sub(g.Throttle.PausedUntil); early > 0 {
			t.Errorf("a pause until %v is told as %v before", mine.PausedUntil, early)
		}
	}
}

// A late report of a refusal pauses no longer than the API asked.
func TestLateRefusal(t *testing.T) {
	t.Parallel()
	l := limiters(t, fresh(t), 1)[0]
	answered := time.Now().Add(-6 * time.Second)
	got, err := l.Refused(t.Context(), client.Refusal{Sent: answered, Answered: answered, RetryAfter: 8 * time.Second})
	if left := got.Left(time.Now()); err != nil || left > 3*time.Second || left < time.Second {
		t.Errorf("paused for %v, error %v", left, err)
	}
}

// All replicas meet the same 429s at about the same time, which is one reason to
// slow down.
func TestOneBurstCountsOnce(t *testing.T) {
	t.Parallel()
	all := limiters(t, fresh(t), 3)
	for _, want := range []client.Throttle{{Share: 0.5, Streak: 1}, {Share: 0.25, Streak: 2}} {
		sent := time.Now()
		var burst sync.WaitGroup
		for i := range 24 {
			burst.Go(func() {
				if _, err := all[i%3].Refused(t.Context(), client.Refusal{Sent: sent, Answered: time.Now(), SlowDown: true}); err != nil {
					t.Error(err)
				}
			})
		}
		burst.Wait()
		g, err := all[0].Reserve(t.Context(), 1, 1000)
		if err != nil || g.Throttle.Share != want.Share || g.Throttle.Streak != want.Streak {
			t.Fatalf("%+v, error %v, want %+v", g.Throttle, err, want)
		}
		// The next burst is sent after this one, by everybody's idea of the database's
		// clock: an answer that was slow makes that later than it is.
		<-time.After(time.Until(g.Throttle.Changed) + time.Second)
	}
}

// The rate comes back by one step, however many replicas have successes.
func TestRecovery(t *testing.T) {
	t.Parallel()
	url := fresh(t)
	all := limiters(t, url, 3)
	now := time.Now()
	if _, err := all[0].Refused(t.Context(), client.Refusal{Sent: now, Answered: now, SlowDown: true}); err != nil {
		t.Fatal(err)
	}
	do(t, url, "UPDATE "+schema+`.limiter SET changed_at = changed_at - interval '11 seconds',
		paused_since = paused_since - interval '11 seconds', paused_until = paused_since`)
	var both sync.WaitGroup
	for i := range 6 {
		both.Go(func() {
			if got, err := all[i%3].Succeeded(t.Context(), time.Now()); err != nil || got.Share != 0.6 || got.Streak != 0 {
				t.Errorf("%+v, error %v", got, err)
			}
		})
	}
	both.Wait()
	g, err := all[0].Reserve(t.Context(), 100, 100)
	if err != nil || g.Every != time.Second/60 {
		t.Errorf("%+v, error %v", g, err)
	}
}
