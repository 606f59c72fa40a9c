package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// talk tells the news and asks for turns, one after the other, until there is no
// reason to or it failed.
func (s *sharedPace) talk() {
	g := s.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		asked := time.Now()
		if wait, ok := s.due(asked); !ok || wait > 0 {
			break
		}
		refusal, success, want := s.refusal, s.success, s.want(asked)
		s.refusal, s.success = nil, time.Time{}
		g.mu.Unlock()
		grant, err := s.question(refusal, success, want)
		g.mu.Lock()
		now := time.Now()
		if err == nil {
			s.learn(now, grant.Throttle)
			if refusal == nil && success.IsZero() {
				err = s.stock(asked, now, grant)
			}
		}
		if err != nil {
			s.failed(asked, now, refusal, success, err)
		} else {
			s.failing, s.retry = time.Time{}, 0
		}
		g.dispatch(now)
	}
	s.talking = false
	g.dispatch(time.Now())
}

// question makes one call of the turns. News go first: no turn is asked for that
// they would forbid.
func (s *sharedPace) question(refusal *Refusal, success time.Time, want int) (Grant, error) {
	ctx, cancel := context.WithTimeout(context.Background(), talkTimeout)
	defer cancel()
	var g Grant
	var err error
	switch {
	case refusal != nil:
		g.Throttle, err = s.turns.Refused(ctx, *refusal)
		if err == nil && !success.IsZero() {
			g.Throttle, err = s.turns.Succeeded(ctx, success)
		}
	case !success.IsZero():
		g.Throttle, err = s.turns.Succeeded(ctx, success)
	default:
		g, err = s.turns.Reserve(ctx, want, s.perSecond)
	}
	return g, err
}

// learn takes over what all know. A pause that only we know of stays: it is still
// to be told.
func (s *sharedPace) learn(now time.Time, all Throttle) {
	if s.state.PausedUntil.After(all.PausedUntil) {
		all.PausedSince, all.PausedUntil = s.state.PausedSince, s.state.PausedUntil
	}
	s.state = all
	s.gate.refusePaused(now)
}

// errLate tells of turns that cannot be used any more when they come. Where it goes
// on like this, nobody gets any.
var errLate = errors.New("its answers come too late to keep a rate")

// stock takes in the turns of a grant.
func (s *sharedPace) stock(asked, now time.Time, g Grant) error {
	l := newLot(g, asked, now, s.usual)
	if took := min(now.Sub(asked), maxLateness); took < s.usual {
		s.usual = took
	} else {
		s.usual += (took - s.usual) / 8
	}
	if g.Turns == 0 {
		// Others wait for the same moment. Who had no luck more often comes sooner, so
		// that all get their share.
		s.askAt = now.Add(min(max(g.First, time.Millisecond), longestWait) + rand.N(TurnsAhead/2>>s.missed))
		s.missed = min(s.missed+1, 6)
		return nil
	}
	if l.fresh(now) == 0 {
		return errLate
	}
	s.missed = 0
	if g.Every <= 0 {
		s.lots = nil
	}
	s.lots = append(s.lots, l)
	s.most = s.held(now)
	return nil
}

// failed keeps the news for the next try, and tells those who wait once it has
// failed for too long: nothing may be asked of the API that is not accounted for.
func (s *sharedPace) failed(asked, now time.Time, refusal *Refusal, success time.Time, err error) {
	if refusal != nil {
		s.tellRefusal(*refusal)
	}
	if s.success.IsZero() {
		s.success = success
	}
	if !errors.Is(err, errLate) { // which took its time already
		s.retry = min(max(2*s.retry, firstRetry), lastRetry)
		s.retryAt = now.Add(s.retry + rand.N(s.retry/4))
	}
	if s.failing.IsZero() { // a process that was stopped meanwhile tries again, too
		s.failing = now.Add(-min(now.Sub(asked), outagePatience/2))
	}
	if now.Sub(s.failing) >= outagePatience {
		s.gate.refuseAll(now, &limiterError{err})
	}
}

// limiterError tells that nobody knows when a request may go.
type limiterError struct{ err error }

func (e *limiterError) Error() string { return e.err.Error() }
