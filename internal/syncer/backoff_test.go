package syncer

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/client"
)

// TestBackoff follows the backoff through failing and successful calls.
func TestBackoff(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	b := newBackoff(t.Context())
	rests := func(want time.Duration) {
		t.Helper()
		if got := b.resting(now); got != want {
			t.Errorf("rests for %v, want %v", got, want)
		}
	}
	event := 0
	fail := func(times int) {
		for range times {
			event++
			b.failed(strconv.Itoa(event), errors.New("server error"), now)
		}
	}
	for range 100 {
		b.failed("always the same", errors.New("server error"), now)
	}
	fail(failuresAllowed - 1)
	rests(0) // a few bad events do not matter to others
	fail(20)
	rests(2 * time.Second) // a burst of failures is one reason to pause
	for _, want := range []time.Duration{4, 8, 16, 32, 60, 60} {
		now = now.Add(longestRest)
		fail(failuresAllowed + 1)
		rests(want * time.Second)
	}
	now = now.Add(longestRest)
	b.succeeded()
	fail(failuresAllowed)
	rests(0)
	fail(1)
	rests(2 * time.Second)

	b.failed("x", &client.Error{Err: client.ErrRateLimited, RetryAfter: time.Hour}, now)
	b.failed("y", &client.Error{Err: client.ErrRateLimited, RetryAfter: time.Minute}, now)
	rests(time.Hour) // the longest pause counts

	now = now.Add(time.Hour)
	rests(0)
	call := b.callContext()
	b.stop(client.ErrUnauthorized)
	b.stop(client.ErrForbidden)
	rests(longestNap)
	if !errors.Is(context.Cause(call), client.ErrUnauthorized) {
		t.Error("a call under way was not cancelled")
	}
	b.resume()
	b.resume()
	rests(0)
	if call == b.callContext() || b.callContext().Err() != nil {
		t.Error("calls are still cancelled")
	}
}

// Syncs leave no contexts behind: a state that is not shared has one lead for ever.
func TestSyncsLeaveNoContexts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, newAccount(endpointA), setup{})
		root := &countedContext{Context: r.ctx, done: make(chan struct{})}
		b := r.fetcher.backoff
		b.mu.Lock()
		b.root = root
		b.mu.Unlock()
		for range 20 {
			if !r.waitFor(9 * time.Second) {
				t.Fatal("a sync did not end")
			}
		}
		if n := root.children.Load(); n != 1 {
			t.Errorf("20 syncs left %d contexts behind, want the one that they share", n)
		}
	})
}

// countedContext is a context that counts its children until they end.
type countedContext struct {
	context.Context
	done     chan struct{}
	children atomic.Int64
}

// Done returns another channel than the embedded context, so that children do not register
// there.
func (c *countedContext) Done() <-chan struct{} { return c.done }

// AfterFunc registers a child.
func (c *countedContext) AfterFunc(f func()) (stop func() bool) {
	c.children.Add(1)
	forget := context.AfterFunc(c.Context, f)
	return func() bool {
		c.children.Add(-1)
		return forget()
	}
}

// TestSignal checks that every waiter learns about a change.
func TestSignal(t *testing.T) {
	t.Parallel()
	var s signal
	s.notify() // without a waiter
	a, b := s.next(), s.next()
	s.notify()
	<-a
	<-b
	select {
	case <-s.next():
		t.Error("learned about an earlier change")
	default:
	}
}
