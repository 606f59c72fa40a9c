package client

import (
	"time"

	"golang.org/x/time/rate"
)

// pacer says when the next request may go. The gate locks around every method.
type pacer interface {
	// take takes the turn of one request and returns 0, or takes nothing and
	// returns how long to wait before asking again.
	take(now time.Time) time.Duration

	// plan is called after every change, and returns when it wants to be called
	// again at the latest, 0 if never.
	plan(now time.Time) time.Duration

	refused(now time.Time, r Refusal)
	succeeded(now, sent time.Time)
	throttle() *Throttle
}

// pace is the pacer of a process that has the account for itself.
type pace struct {
	limiter    *rate.Limiter
	configured float64 // requests a second, 0 = no limit
	state      Throttle
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
	return &pace{limiter: rate.NewLimiter(limit, burst), configured: perSecond, state: NewThrottle()}
}

func (p *pace) take(now time.Time) time.Duration {
	if left := p.state.Left(now); left > 0 {
		return left
	}
	turn := p.limiter.ReserveN(now, 1)
	wait := turn.DelayFrom(now)
	if wait > 0 {
		turn.CancelAt(now)
	}
	return wait
}

func (p *pace) plan(time.Time) time.Duration { return 0 }

func (p *pace) throttle() *Throttle { return &p.state }

func (p *pace) refused(now time.Time, r Refusal) {
	if p.state.Refuse(now, r) {
		p.adjust(now)
	}
}

func (p *pace) succeeded(now, sent time.Time) {
	if p.state.Succeed(now, sent) {
		p.adjust(now)
	}
}

func (p *pace) adjust(now time.Time) {
	if p.configured > 0 {
		p.limiter.SetLimitAt(now, rate.Limit(p.configured*p.state.Share))
	}
}
