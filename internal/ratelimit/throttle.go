package ratelimit

import (
	"math/rand/v2"
	"time"
)

const (
	minShare   = 1.0 / 16         // of the configured rate, below which halving stops
	stepUp     = 1.0 / 10         // of the configured rate, by which a step raises it
	stepEvery  = 10 * time.Second // between steps, and only while requests succeed
	firstPause = time.Second      // after a 429 without a length
	maxGuess   = time.Minute      // if the API keeps answering that
)

// Backoff is an answer by which the API asks to wait: a 429, or a 403 or 503 with a
// Retry-After.
type Backoff struct {
	Sent     time.Time     // when the request was sent
	Wait     time.Duration // from now on; 0 if the API did not say
	SlowDown bool          // the API also wants fewer requests from then on: a 429
}

// throttle adapts the rate to the API's answers. It is a value without a clock: every method
// takes the time.
type throttle struct {
	share       float64 // of the configured rate, between 1/16 and 1
	changed     time.Time
	pausedSince time.Time
	pausedUntil time.Time
	guesses     int // consecutive pauses without a length
}

func newThrottle() throttle { return throttle{share: 1} }

// backOff applies an answer, and reports whether it changed anything.
func (t *throttle) backOff(now time.Time, b Backoff) bool {
	before := *t
	if b.SlowDown {
		t.slowDown(now, b.Sent)
	}
	t.pause(now, b)
	return *t != before
}

// pause holds every request back for as long as the API asked, or, if it did not say, for
// longer and longer. The requests of one burst all get the same answer, which is one reason
// to wait, not many. Jitter only adds, so that a wait is never shorter than the API asked
// for.
func (t *throttle) pause(now time.Time, b Backoff) {
	d := b.Wait
	if d == 0 {
		if !b.Sent.After(t.pausedSince) {
			return
		}
		d = min(maxGuess, firstPause<<min(t.guesses, 10))
		t.guesses++
	}
	until := now.Add(d + rand.N(max(0, min(d/10, time.Second))+1))
	if until.After(t.pausedUntil) {
		t.pausedSince, t.pausedUntil = now, until
	}
}

// slowDown halves the rate, once for all requests of one burst.
func (t *throttle) slowDown(now, sent time.Time) {
	if sent.After(t.changed) {
		t.share, t.changed = max(t.share/2, minShare), now
	}
}

// succeed records a success, and reports whether it changed anything: it raises the rate by a
// step, if the last change is long enough ago.
func (t *throttle) succeed(now, sent time.Time) bool {
	before := *t
	if sent.After(t.pausedSince) {
		t.guesses = 0
	}
	if t.share < 1 && now.Sub(t.changed) >= stepEvery {
		t.share, t.changed = min(t.share+stepUp, 1), now
	}
	return *t != before
}
