package ratelimit

import (
	"time"

	"golang.org/x/time/rate"
)

// pace decides when the next request can be sent. It has no clock: every method takes the
// time.
type pace struct {
	limiter    *rate.Limiter
	configured float64 // requests a second; 0 for no limit
	throttle   throttle
	last       time.Time // when the last request was sent
}

// newPace allows perSecond requests a second, or any number if it is 0. A burst is a tenth of
// a second's worth, so that no second has more than a tenth above the rate.
func newPace(perSecond float64, slots int) pace {
	limit, burst := rate.Inf, 1
	if perSecond > 0 {
		limit = rate.Limit(perSecond)
		burst = int(max(1, min(perSecond/10, float64(slots))))
	}
	return pace{limiter: rate.NewLimiter(limit, burst), configured: perSecond, throttle: newThrottle()}
}

// left returns the rest of a pause.
func (p *pace) left(now time.Time) time.Duration { return max(0, p.throttle.pausedUntil.Sub(now)) }

// take takes the turn of one request and returns 0. If there is none yet, it returns how long
// to wait before trying again.
func (p *pace) take(now time.Time) time.Duration {
	if left := p.left(now); left > 0 {
		return left
	}
	turn := p.limiter.ReserveN(now, 1)
	wait := turn.DelayFrom(now)
	if wait > 0 {
		turn.CancelAt(now)
		return wait
	}
	p.last = now
	return 0
}

func (p *pace) backOff(now time.Time, b Backoff) {
	if p.throttle.backOff(now, b) {
		p.adjust(now)
	}
}

func (p *pace) succeed(now, sent time.Time) {
	if p.throttle.succeed(now, sent) {
		p.adjust(now)
	}
}

// adjust sets the rate to the throttle's share.
func (p *pace) adjust(now time.Time) {
	if p.configured > 0 {
		p.limiter.SetLimitAt(now, rate.Limit(p.configured*p.throttle.share))
	}
}

// restart starts with the throttle's share of the rate, and without saved turns at the time
// of the last request.
func (p *pace) restart(last time.Time) {
	p.last = last
	if p.configured > 0 {
		p.limiter = rate.NewLimiter(rate.Limit(p.configured*p.throttle.share), p.limiter.Burst())
		p.limiter.AllowN(last, p.limiter.Burst())
	}
}
