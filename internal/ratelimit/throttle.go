package ratelimit

import (
	"math/rand/v2"
	"time"
)

const (
	minShare   = 1.0 / 16         // of the configured rate: where halving ends
	stepUp     = 1.0 / 10         // of the configured rate: what one step gives back
	stepEvery  = 10 * time.Second // between steps, and only while requests succeed
	firstPause = time.Second      // after a 429 that does not say how long
	maxGuess   = time.Minute      // where it keeps answering so
)

// Backoff is an answer by which the API asks for patience: a 429, or a 403 or 503 that
// says how long to wait.
type Backoff struct {
	Sent     time.Time     // when the request went
	Wait     time.Duration // from now on; 0 if the API did not say
	SlowDown bool          // it wants fewer requests from then on, too: a 429
}

// throttle adapts the rate to the API's answers. It is a value without a clock of its
// own: every method gets the time.
type throttle struct {
	share       float64 // of the configured rate, between 1/16 and 1
	changed     time.Time
	pausedSince time.Time
	pausedUntil time.Time
	guesses     int // pauses since the last success that had to be guessed
}

func newThrottle() throttle { return throttle{share: 1} }

// backOff applies an answer and reports whether it changed anything.
func (t *throttle) backOff(now time.Time, b Backoff) bool {
	before := *t
	if b.SlowDown {
		t.slowDown(now, b.Sent)
	}
	t.pause(now, b)
	return *t != before
}

// pause keeps every request back for as long as the API asked, or for longer and
// longer where it did not say. The requests of one burst all get the same answer,
// which is one reason to wait, not many. Jitter only adds, so that what the API
// asked for is never undercut.
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

// slowDown halves the rate, once for all the requests of one burst.
func (t *throttle) slowDown(now, sent time.Time) {
	if sent.After(t.changed) {
		t.share, t.changed = max(t.share/2, minShare), now
	}
}

// succeed enters a success and reports whether it changed anything: it gives back a
// step of the rate, if the last change is long enough ago.
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
