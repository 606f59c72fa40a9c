package ratelimit

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"
)

// Patience is the longest pause that a call waits for. With a longer one, the call fails at
// once, without a request.
const Patience = 10 * time.Second

// Class is a kind of call. While calls of both classes wait, they take turns.
type Class int

// The classes of calls.
const (
	Lists   Class = iota // lists of events or endpoints
	Details              // details of events
	classes
)

// Limiter admits requests one by one, when a slot is free, there is no pause and the rate
// allows it. Calls of one class are served in order. A Limiter is safe for concurrent use.
type Limiter struct {
	mu    sync.Mutex
	slots int
	pace  pace
	guard func(context.Context) error
	timer *time.Timer

	queues [classes]list.List // of *waiter
	last   Class              // of the call that got the last turn
	busy   int                // slots taken
	lists  int                // lists under way, in slots or aside
	aside  int                // lists under way without a slot
	stuck  list.List          // of *Slot: lists that wait for a place aside

	// Since when calls wait only for the rate.
	freeSince      time.Time // a slot was released while none was free
	listsFreeSince time.Time // a list ended while the maximum was under way
}

type waiter struct {
	class   Class
	place   *list.Element // nil when it has left its queue
	since   time.Time
	limited time.Duration
	err     error
	ready   chan struct{} // closed when limited and err are final
}

// New returns a limiter with a number of slots, at least one, and of requests a second. A
// rate of 0 means no limit.
func New(slots int, perSecond float64) *Limiter {
	l := &Limiter{slots: slots, pace: newPace(perSecond, slots), last: Details}
	l.timer = time.AfterFunc(time.Hour, l.timeUp)
	l.timer.Stop()
	return l
}

// Guard sets a check that runs before each request, as the last step after every wait. If
// check returns an error, Acquire returns it and the request is not sent. check gets the
// request's context, and is called concurrently.
func (l *Limiter) Guard(check func(ctx context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.guard = check
}

// Acquire waits for a slot and for a turn of the rate. On an error, the slot is nil. limited
// is the part of the wait that the rate or a pause caused. The error is that of ctx, a
// *PausedError, or that of the guard.
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

// giveUp removes w from its queue, or releases its slot if it just got one.
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

// Succeeded records a successful request. sent is when it was sent.
func (l *Limiter) Succeeded(sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pace.succeed(time.Now(), sent)
}

// BackOff pauses all calls as b says, and returns the rest of the pause. If that exceeds
// Patience, the waiting calls fail.
func (l *Limiter) BackOff(b Backoff) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.pace.backOff(now, b)
	return l.paused(now)
}

// paused applies a pause that was just set, and returns the rest of it.
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

// dispatch admits the calls whose turn it is, and sets the timer for the next one.
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

// next returns the call to admit when the rate allows it; nil if there is none, or no slot
// for it.
func (l *Limiter) next() *waiter {
	for _, class := range [...]Class{1 - l.last, l.last} {
		if first := l.queues[class].Front(); first != nil && l.admits(class) {
			return first.Value.(*waiter)
		}
	}
	return nil
}

// admits reports whether there is a slot for a call of a class. Lists leave one for details,
// even when all of them are slow and every place aside is taken.
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

// limitedFor returns how long w has waited while a slot was free.
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

// Busy returns the number of taken slots.
func (l *Limiter) Busy() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.busy
}

// Limits describe how fast the process can call the API.
type Limits struct {
	Configured  float64   // requests a second; 0 for no limit
	Current     float64   // lower than Configured for a while after a 429
	PausedUntil time.Time // no request before then; zero or in the past without a pause
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
