package client

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// patience is the longest pause that a call waits for. Where more is left it is
// answered at once, without a request.
const patience = 10 * time.Second

// gate lets the requests of all calls through, one by one: where a slot is free,
// no pause is on and the pace allows it. Those in front wait in line, first come
// first served, in two lines: as long as a list waits, no detail goes.
type gate struct {
	mu        sync.Mutex
	slots     int
	busy      int
	freeSince time.Time // when the last of the slots was given back
	perSecond float64
	pace      pacer
	lists     list.List // of *waiter
	details   list.List // of *waiter
	timer     *time.Timer
}

type waiter struct {
	line    *list.List
	place   *list.Element // nil once it is out of the line
	since   time.Time
	limited time.Duration
	err     error
	ready   chan struct{} // closed when limited and err are final
}

// newGate returns a gate with a pace of its own, or with one that it shares where
// turns is not nil.
func newGate(slots int, perSecond float64, turns Turns) *gate {
	g := &gate{slots: slots, perSecond: perSecond}
	if turns == nil {
		g.pace = newPace(perSecond, slots)
	} else {
		g.pace = newSharedPace(g, turns, perSecond)
	}
	g.timer = time.AfterFunc(time.Hour, g.timeUp)
	g.timer.Stop()
	return g
}

// acquire waits for a slot and a turn. Every success needs a release. limited is
// the part of the wait that the rate limit or a pause caused. The error is that
// of ctx, or a *pausedError.
func (g *gate) acquire(ctx context.Context, isList bool) (limited time.Duration, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	g.mu.Lock()
	now := time.Now()
	if left := g.pace.throttle().Left(now); left > patience {
		g.mu.Unlock()
		return 0, &pausedError{left}
	}
	w := &waiter{since: now, line: &g.details, ready: make(chan struct{})}
	if isList {
		w.line = &g.lists
	}
	w.place = w.line.PushBack(w)
	g.dispatch(now)
	g.mu.Unlock()

	select {
	case <-w.ready:
		return w.limited, w.err
	case <-ctx.Done():
		return g.giveUp(w), ctx.Err()
	}
}

// giveUp takes w out of its line, or gives its slot back if it just got one.
func (g *gate) giveUp(w *waiter) (limited time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	switch {
	case w.place != nil:
		if g.busy < g.slots {
			w.limited = g.limitedFor(w, now)
		}
		g.leave(w)
	case w.err == nil:
		g.free(now)
	}
	g.dispatch(now)
	return w.limited
}

// release gives a slot back.
func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.free(now)
	g.dispatch(now)
}

func (g *gate) free(now time.Time) {
	if g.busy == g.slots {
		g.freeSince = now
	}
	g.busy--
}

// succeeded notes that the API answered the request sent then as hoped.
func (g *gate) succeeded(sent time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pace.succeeded(time.Now(), sent)
}

// refused notes that the API, asked at sent, wants to be left alone for d, 0 if it
// did not say. slowDown is set where it also wants fewer requests from then on. It
// returns what is left of the pause.
func (g *gate) refused(sent time.Time, d time.Duration, slowDown bool) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.pace.refused(now, Refusal{Sent: sent, Answered: now, RetryAfter: d, SlowDown: slowDown})
	g.refusePaused(now)
	g.dispatch(now)
	return g.pace.throttle().Left(now)
}

// refusePaused answers all who wait if a pause is on that no call waits for.
func (g *gate) refusePaused(now time.Time) {
	if left := g.pace.throttle().Left(now); left > patience {
		g.refuseAll(now, &pausedError{left})
	}
}

func (g *gate) refuseAll(now time.Time, err error) {
	for w := g.head(); w != nil; w = g.head() {
		w.err = err
		w.limited = g.limitedFor(w, now)
		g.leave(w)
		close(w.ready)
	}
}

// dispatch lets through whoever may go now, and sets the timer for the next one.
func (g *gate) dispatch(now time.Time) {
	var next time.Duration
	for w := g.head(); w != nil && g.busy < g.slots; w = g.head() {
		if next = g.pace.take(now); next > 0 {
			break
		}
		w.limited = g.limitedFor(w, now)
		g.busy++
		g.leave(w)
		close(w.ready)
	}
	if again := g.pace.plan(now); again > 0 && (next == 0 || again < next) {
		next = again
	}
	if next > 0 {
		g.timer.Reset(next)
	} else {
		g.timer.Stop()
	}
}

func (g *gate) timeUp() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dispatch(time.Now())
}

func (g *gate) head() *waiter {
	for _, line := range []*list.List{&g.lists, &g.details} {
		if first := line.Front(); first != nil {
			return first.Value.(*waiter)
		}
	}
	return nil
}

// waiting returns how many are in line.
func (g *gate) waiting() int { return g.lists.Len() + g.details.Len() }

func (g *gate) leave(w *waiter) {
	w.line.Remove(w.place)
	w.place = nil
}

// limitedFor returns how long w has waited since a slot was there to be had.
func (g *gate) limitedFor(w *waiter, now time.Time) time.Duration {
	if w.since.After(g.freeSince) {
		return now.Sub(w.since)
	}
	return now.Sub(g.freeSince)
}

// pausedError tells that no request may go for longer than a call waits.
type pausedError struct{ left time.Duration }

func (*pausedError) Error() string { return "paused" }

// Limits tell how fast the client may ask.
type Limits struct {
	Configured  float64   // requests a second, 0 = no limit
	Current     float64   // the same, lower for a while after a 429
	PausedUntil time.Time // no request before then; zero or past if there is no pause
}

// Limits returns the state of the rate limit. Where it is shared, that is what was
// known when this process last asked for a turn.
func (c *Client) Limits() Limits {
	g := c.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.pace.throttle()
	return Limits{Configured: g.perSecond, Current: g.perSecond * t.Share, PausedUntil: t.PausedUntil}
}
