package client

import (
	"math/rand/v2"
	"time"
)

const (
	slowest      = 1.0 / 16         // of the configured rate: where halving ends
	stepUp       = 1.0 / 10         // of the configured rate: what one step gives back
	stepEvery    = 10 * time.Second // between steps, and only while requests succeed
	firstPause   = time.Second      // after a 429 that does not say how long
	longestPause = time.Minute      // where it keeps answering so
)

// Throttle is what the API's answers made of the rate. It is a value machine
// without a clock of its own: every method is told the time. NewThrottle returns
// one that nothing was asked of.
type Throttle struct {
	Share       float64 // of the configured rate, between 1/16 and 1
	Changed     time.Time
	PausedSince time.Time
	PausedUntil time.Time
	Streak      int // pauses since the last success that had to be guessed
}

// Refusal is an answer by which the API asks for patience.
type Refusal struct {
	Sent       time.Time     // when the request went
	Answered   time.Time     // when the answer came
	RetryAfter time.Duration // from then on; 0 if the API did not say
	SlowDown   bool          // it wants fewer requests from then on, too
}

// NewThrottle returns the state before any answer.
func NewThrottle() Throttle { return Throttle{Share: 1} }

// Left returns how much of a pause is left.
func (t *Throttle) Left(now time.Time) time.Duration { return max(0, t.PausedUntil.Sub(now)) }

// Refuse enters a refusal and reports whether it changed anything.
func (t *Throttle) Refuse(now time.Time, r Refusal) bool {
	before := *t
	if r.SlowDown {
		t.slowDown(now, r.Sent)
	}
	t.pause(now, r)
	return *t != before
}

// pause keeps every request back for as long as the API asked, or for longer and
// longer where it did not say. The requests of one burst are all refused, which is
// one reason to wait, not many. Jitter only adds, so that what the API asked for is
// never undercut.
func (t *Throttle) pause(now time.Time, r Refusal) {
	d := r.RetryAfter
	if d == 0 {
		if !r.Sent.After(t.PausedSince) {
			return
		}
		d = min(longestPause, firstPause<<min(t.Streak, 10))
		t.Streak++
	}
	until := r.Answered.Add(d + rand.N(max(0, min(d/10, time.Second))+1))
	if until.After(t.PausedUntil) && until.After(now) {
		t.PausedSince, t.PausedUntil = now, until
	}
}

// slowDown halves the rate, once for all the requests of one burst.
func (t *Throttle) slowDown(now, sent time.Time) {
	if sent.After(t.Changed) {
		t.Share, t.Changed = max(t.Share/2, slowest), now
	}
}

// Succeed enters a success and reports whether it changed anything: it gives back a
// step of the rate, if the last change is long enough ago.
func (t *Throttle) Succeed(now, sent time.Time) bool {
	before := *t
	if sent.After(t.PausedSince) {
		t.Streak = 0
	}
	if t.Share < 1 && now.Sub(t.Changed) >= stepEvery {
		t.Share, t.Changed = min(t.Share+stepUp, 1), now
	}
	return *t != before
}
