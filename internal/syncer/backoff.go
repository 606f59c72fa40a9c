package syncer

import (
	"context"
	"errors"
	"sync"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/state"
)

const (
	failuresAllowed = 3 // events that can fail in a row before the fetcher slows down
	longestRest     = time.Minute
)

// backoff pauses the fetcher: as long as the API refuses the key, and for a while if the API
// asks for it or fails for one event after another.
type backoff struct {
	root    context.Context // of the Syncer
	mu      sync.Mutex
	led     context.Context // of the state, the last one; nil before the first
	parent  context.Context // of the calls: ends with led or root
	calls   context.Context // of every call; ends with parent, and when the API refuses the key
	endCall context.CancelCauseFunc
	stopped bool                // since the API refused the key
	until   time.Time           // no call before this
	failing map[string]struct{} // events whose call failed since one succeeded; only as many as count
	rests   int                 // since the last successful call
}

func newBackoff(ctx context.Context) *backoff {
	b := &backoff{root: ctx, parent: ctx, failing: make(map[string]struct{})}
	b.calls, b.endCall = context.WithCancelCause(ctx)
	return b
}

// resting returns how long to make no call; 0 if one can be made now.
func (b *backoff) resting(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return longestNap // resume ends it
	}
	return max(0, b.until.Sub(now))
}

// callContext returns the context of the next call, of a list or of a detail.
func (b *backoff) callContext() context.Context {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls
}

// lead cancels the calls of earlier leads of the state, and makes the next ones end with this
// lead. It returns a context that ends with it too. All syncs of a lead share that: a state
// that is not shared has one lead for ever.
func (b *backoff) lead(led context.Context) context.Context {
	b.mu.Lock()
	defer b.mu.Unlock()
	if led == b.led {
		return b.parent
	}
	ctx, end := context.WithCancelCause(b.root)
	context.AfterFunc(led, func() { end(state.ErrFollows) })
	if led.Err() == nil { // otherwise there can be a later one
		b.led, b.parent = led, ctx
		b.endCall(state.ErrFollows)
		b.renew()
	}
	return ctx
}

// renew allows calls, unless the API has refused the key. The caller holds b.mu.
func (b *backoff) renew() {
	if !b.stopped {
		b.calls, b.endCall = context.WithCancelCause(b.parent)
	}
}

// stop cancels the calls under way, and allows no others until resume. The error is the cause
// in their contexts.
func (b *backoff) stop(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
	b.endCall(err)
}

// resume undoes stop.
func (b *backoff) resume() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		b.stopped = false
		b.renew()
	}
}

// succeeded records that the API answered.
func (b *backoff) succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.failing)
	b.rests = 0
}

// failed records that a call failed, and not because of its event. A few events that always
// fail do not delay the others.
func (b *backoff) failed(eventID string, err error, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var e *client.Error
	if errors.As(err, &e) && e.RetryAfter > 0 {
		if until := now.Add(e.RetryAfter); until.After(b.until) {
			b.until = until
		}
		return
	}
	if now.Before(b.until) {
		return // it began before the pause, and is part of its reason
	}
	if b.failing[eventID] = struct{}{}; len(b.failing) <= failuresAllowed {
		return
	}
	clear(b.failing)
	b.rests++
	b.until = now.Add(min(time.Second<<min(b.rests, 10), longestRest))
}
