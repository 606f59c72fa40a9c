package ratelimit

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// expectRate fails if any second has more requests than the rate and a tenth, or one more for
// low rates.
func expectRate(t *rapid.T, taken []time.Time, perSecond float64) {
	t.Helper()
	limit := max(1, perSecond/10) + perSecond + 1e-6
	for first, last := 0, 0; last < len(taken); last++ {
		for taken[last].Sub(taken[first]) >= time.Second {
			first++
		}
		if got := float64(last - first + 1); got > limit {
			t.Fatalf("%v requests in a second at a rate of %v", got, perSecond)
		}
	}
}

// A waiting caller gets the whole rate, and no more.
func TestPaceAnySecond(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		perSecond := rapid.Float64Range(0.05, 500).Draw(t, "rate")
		p := newPace(perSecond, rapid.IntRange(1, 64).Draw(t, "slots"))
		now, end := epoch, epoch.Add(time.Duration(30/min(perSecond, 1)*float64(time.Second)))
		var taken []time.Time
		for now.Before(end) && len(taken) < 20_000 {
			if wait := p.take(now); wait > 0 {
				now = now.Add(wait)
				continue
			}
			taken = append(taken, now)
		}
		expectRate(t, taken, perSecond)
		if got, want := float64(len(taken)), now.Sub(epoch).Seconds()*perSecond; got < want-1 {
			t.Fatalf("%v requests, want %v", got, want)
		}
	})
}

func TestPaceWithoutLimit(t *testing.T) {
	t.Parallel()
	p := newPace(0, 1)
	for range 1000 {
		if wait := p.take(epoch); wait != 0 {
			t.Fatal(wait)
		}
	}
	p.backOff(epoch, Backoff{Sent: epoch, Wait: 1, SlowDown: true})
	if p.throttle.share != 0.5 || p.take(p.throttle.pausedUntil) != 0 {
		t.Error("slowed down without a rate")
	}
}

func TestPaceSlowsAndRecovers(t *testing.T) {
	t.Parallel()
	p, now := newPace(16, 16), epoch
	for _, want := range []float64{8, 4, 2, 1, 1} {
		sent := now.Add(time.Second)
		now = sent.Add(time.Second)
		for range 16 { // one burst counts once
			p.backOff(now, Backoff{Sent: sent, Wait: 1, SlowDown: true})
		}
		if got := 16 * p.throttle.share; got != want || float64(p.limiter.Limit()) != want {
			t.Fatalf("rate %v, limiter %v, want %v", got, p.limiter.Limit(), want)
		}
	}
	p.succeed(now.Add(9*time.Second), now)
	if float64(p.limiter.Limit()) != 1 {
		t.Error("the rate rises too early")
	}
	for step := 1; step <= 12; step++ {
		now = now.Add(10 * time.Second)
		p.succeed(now, now)
		p.succeed(now, now)
		got := float64(p.limiter.Limit())
		if want := min(16, 1+1.6*float64(step)); got < want-1e-9 || got > want+1e-9 {
			t.Fatalf("step %d: rate %v, want %v", step, got, want)
		}
	}
}

func TestPacePause(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		asked := time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "asked"))
		p := newPace(0, 1)
		p.backOff(epoch, Backoff{Sent: epoch, Wait: asked})
		left := p.left(epoch)
		if left < asked || left > asked+min(asked/10, time.Second) {
			t.Fatalf("asked for %v, got %v", asked, left)
		}
		if p.take(epoch.Add(left-1)) != 1 || p.take(epoch.Add(left)) != 0 {
			t.Fatal("the pause is forgotten")
		}
		p.backOff(epoch, Backoff{Sent: epoch, Wait: 1}) // a shorter pause changes nothing
		if p.left(epoch) != left {
			t.Fatal("cut short")
		}
	})
}

func TestPacePauseIsGuessed(t *testing.T) {
	t.Parallel()
	p, now := newPace(0, 1), epoch
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		sent := now.Add(time.Millisecond)
		now = sent.Add(time.Millisecond)
		for range 16 { // one burst counts once
			p.backOff(now, Backoff{Sent: sent})
		}
		want *= time.Second
		if left := p.left(now); left < want || left > want+want/10 {
			t.Fatalf("pause of %v, want %v", left, want)
		}
		now = p.throttle.pausedUntil
	}
	p.succeed(now, now)
	p.backOff(now, Backoff{Sent: now})
	if left := p.left(now); left > 2*time.Second {
		t.Errorf("pause of %v after a success", left)
	}
}
