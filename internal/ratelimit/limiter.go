package ratelimit

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"
)

// Patience is the longest pause that a call waits for. If a longer one is left, the call
// fails at once, without a request.
const Patience = 10 * time.Second

// Class is a kind of calls. While calls of both wait, each gets every second turn.
type Class int

// The classes of calls.
const (
	Lists   Class = iota // lists of events or endpoints
	Details              // details of events
	classes
)

// Limiter lets requests through one by one, if a slot is free, there is no pause and the
// rate allows it. Calls of one class are served in order. A Limiter is safe for concurrent
// use.
type Limiter struct {
	mu    sync.Mutex
	slots int
	pace  pace
	guard func(context.Context) error
	timer *time.Timer

	queues [classes]list.List // of *waiter
	last   Class              // of the call that got the last turn
	busy   int                // slots taken
	lists  int                // lists under way, in slots and aside
	aside  int                // lists under way that hold no slot
	stuck  list.List          // of *Slot: lists that wait for a place aside

	// Since when the rate is all that calls wait for.
	freeSince      time.Time // a slot was given back while none was free
	listsFreeSince time.Time // a list ended while there were as many as there can be
}

type waiter struct {
	class   Class
	place   *list.Element // nil once it is out of its queue
	since   time.Time
	limited time.Duration
	err     error
	ready   chan struct{} // closed when limited and err are final
}

// New returns a limiter with a number of slots, at least one, and of requests a second;
// a rate of 0 is no limit.
func New(slots int, perSecond float64) *Limiter {
	l := &Limiter{slots: slots, pace: newPace(perSecond, slots), last: Details}
	l.timer = time.AfterFunc(time.Hour, l.timeUp)
	l.timer.Stop()
	return l
}

// Guard sets what is asked before each request, as the last thing after every
// wait. A request for which check returns an error does not go: Acquire returns
// that error. check gets the context of the request, and is called from many
// goroutines at once.
func (l *Limiter) Guard(check func(ctx context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.guard = check
}

// Acquire waits for a slot and a turn of the rate. The slot is nil with an error.
// limited is the part of the wait that the rate or a pause caused. The error is
// that of ctx, a *PausedError, or that of the guard.
func (l *Limiter) Acquire(ctx context.Context, class Class) (slot *Slot, limited time.Duration, err error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	l.mu.Lock()
	now := time.Now()
	if left := l.pace.left(now); left > Patience {
		l.mu.Unlock()
		return nil, 0, &PausedError{left}
	}
	w := &waiter{class: class, since: now, ready: make(chan struct{})}
	w.place = l.queues[class].PushBack(w)
	l.dispatch(now)
	l.mu.Unlock()

	select {
	case <-w.ready:
	case <-ctx.Done():
		return nil, l.giveUp(w), ctx.Err()
	}
	if w.err != nil {
		return nil, w.limited, w.err
	}
	slot = &Slot{limiter: l, class: class}
	if err := l.check(ctx); err != nil {
		slot.Release()
		return nil, w.limited, err
	}
	return slot, w.limited, nil
}

func (l *Limiter) check(ctx context.Context) error {
	l.mu.Lock()
	check := l.guard
	l.mu.Unlock()
	if check == nil {
		return nil
	}
	return check(ctx)
}

// giveUp takes w out of its queue, or gives its slot back if it just got one.
func (l *Limiter) giveUp(w *waiter) (limited time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	switch {
	case w.place != nil:
		if l.admits(w.class) {
			w.limited = l.limitedFor(w, now)
		}
		l.leave(w)
	case w.err == nil:
		l.end(w.class, now)
		l.free(now)
	}
	l.dispatch(now)
	return w.limited
}

// Succeeded notes that a request succeeded. sent is when it was sent.
func (l *Limiter) Succeeded(sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pace.succeed(time.Now(), sent)
}

// BackOff holds all calls back as b says and returns the rest of the pause. If that is
// more than Patience, the waiting calls fail.
func (l *Limiter) BackOff(b Backoff) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.pace.backOff(now, b)
	return l.paused(now)
}

// paused lets a pause that was just set take effect and returns what is left of it.
func (l *Limiter) paused(now time.Time) time.Duration {
	left := l.pace.left(now)
	if left > Patience {
		for class := range l.queues {
			for first := l.queues[class].Front(); first != nil; first = l.queues[class].Front() {
				l.answer(first.Value.(*waiter), now, &PausedError{left})
			}
		}
	}
	l.dispatch(now)
	return left
}

// dispatch lets through the calls whose turn it is, and sets the timer for the next.
func (l *Limiter) dispatch(now time.Time) {
	for {
		w := l.next()
		if w == nil {
			l.timer.Stop()
			return
		}
		if wait := l.pace.take(now); wait > 0 {
			l.timer.Reset(wait)
			return
		}
		l.busy++
		if w.class == Lists {
			l.lists++
		}
		l.last = w.class
		l.answer(w, now, nil)
	}
}

// next returns the call that is the next to go as soon as the rate allows it, nil
// if there is none or no slot for it.
func (l *Limiter) next() *waiter {
	for _, class := range [...]Class{1 - l.last, l.last} {
		if first := l.queues[class].Front(); first != nil && l.admits(class) {
			return first.Value.(*waiter)
		}
	}
	return nil
}

// admits reports whether there is a slot for a call of the class. Lists leave one
// for details even when all of them are slow and every place aside is taken.
func (l *Limiter) admits(class Class) bool {
	return l.busy < l.slots && (class != Lists || l.lists < l.maxLists())
}

func (l *Limiter) maxLists() int { return l.slots - 1 + l.maxAside() }

func (l *Limiter) maxAside() int { return l.slots }

func (l *Limiter) timeUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dispatch(time.Now())
}

func (l *Limiter) answer(w *waiter, now time.Time, err error) {
	w.err = err
	w.limited = l.limitedFor(w, now)
	l.leave(w)
	close(w.ready)
}

func (l *Limiter) leave(w *waiter) {
	l.queues[w.class].Remove(w.place)
	w.place = nil
}

// limitedFor returns how long w has waited since a slot was free.
func (l *Limiter) limitedFor(w *waiter, now time.Time) time.Duration {
	from := w.since
	if l.freeSince.After(from) {
		from = l.freeSince
	}
	if w.class == Lists && l.listsFreeSince.After(from) {
		from = l.listsFreeSince
	}
	return now.Sub(from)
}

// PausedError says that the API asked for a pause that is longer than Patience.
type PausedError struct{ Left time.Duration }

func (e *PausedError) Error() string { return fmt.Sprintf("paused for %v", e.Left) }

// Busy returns the number of slots that are taken.
func (l *Limiter) Busy() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.busy
}

// Limits describe how fast the process can call the API.
type Limits struct {
	Configured  float64   // requests a second, 0 = no limit
	Current     float64   // the same, lower for a while after a 429
	PausedUntil time.Time // no request before then; zero or past if there is no pause
}

// Limits returns the state of the rate limit.
func (l *Limiter) Limits() Limits {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Limits{
		Configured:  l.pace.configured,
		Current:     l.pace.configured * l.pace.throttle.share,
		PausedUntil: l.pace.throttle.pausedUntil,
	}
}
