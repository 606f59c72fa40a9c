package client

import (
	"math/rand/v2"
	"time"

	"golang.org/x/time/rate"
)

const (
	slowest      = 1.0 / 16         // of the configured rate: where halving ends
	stepUp       = 1.0 / 10         // of the configured rate: what one step gives back
	stepEvery    = 10 * time.Second // between steps, and only while requests succeed
	firstPause   = time.Second      // after a 429 that does not say how long
	longestPause = time.Minute      // where it keeps answering so
)

// pace says when the next request may go. It is a value machine without a clock
// of its own: every method is told the time. The caller locks.
type pace struct {
	limiter     *rate.Limiter
	configured  float64 // requests a second, 0 = no limit
	current     float64 // between slowest*configured and configured
	changed     time.Time
	pausedSince time.Time
	pausedUntil time.Time
	streak      int // pauses since the last success that had to be guessed
}

// newPace allows perSecond requests a second, no limit if it is 0. A burst is a
// tenth of a second's worth, so that no second sees more than a tenth above the
// rate.
func newPace(perSecond float64, concurrency int) *pace {
	limit, burst := rate.Inf, 1
	if perSecond > 0 {
		limit = rate.Limit(perSecond)
		burst = int(max(1, min(perSecond/10, float64(concurrency))))
	}
	return &pace{limiter: rate.NewLimiter(limit, burst), configured: perSecond, current: perSecond}
}

// take takes the turn of one request and returns 0, or takes nothing and returns
// how long to wait before asking again.
func (p *pace) take(now time.Time) time.Duration {
	if left := p.left(now); left > 0 {
		return left
	}
	turn := p.limiter.ReserveN(now, 1)
	wait := turn.DelayFrom(now)
	if wait > 0 {
		turn.CancelAt(now)
	}
	return wait
}

// left returns how much of a pause is left.
func (p *pace) left(now time.Time) time.Duration { return max(0, p.pausedUntil.Sub(now)) }

// pause keeps every request back for d, or for longer and longer where d is 0
// since the API did not say. sent is when the request went that was answered so:
// the requests of one burst are all refused, which is one reason to wait, not many.
// Jitter only adds, so that what the API asked for is never undercut.
func (p *pace) pause(now, sent time.Time, d time.Duration) {
	if d == 0 {
		if !sent.After(p.pausedSince) {
			return
		}
		d = min(longestPause, firstPause<<min(p.streak, 10))
		p.streak++
	}
	until := now.Add(d + rand.N(min(d/10, time.Second)+1))
	if until.After(p.pausedUntil) {
		p.pausedSince, p.pausedUntil = now, until
	}
}

// slowDown halves the rate, once for all the requests of one burst.
func (p *pace) slowDown(now, sent time.Time) {
	if p.configured > 0 && sent.After(p.changed) {
		p.set(now, max(p.current/2, p.configured*slowest))
	}
}

// succeed gives back a step of the rate, if the last change is long enough ago.
func (p *pace) succeed(now, sent time.Time) {
	if sent.After(p.pausedSince) {
		p.streak = 0
	}
	if p.current < p.configured && now.Sub(p.changed) >= stepEvery {
		p.set(now, min(p.current+p.configured*stepUp, p.configured))
	}
}

func (p *pace) set(now time.Time, perSecond float64) {
	p.current, p.changed = perSecond, now
	p.limiter.SetLimitAt(now, rate.Limit(perSecond))
}
