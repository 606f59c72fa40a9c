package state

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/wait"
)

const (
	startWait = 30 * time.Second // how long a start waits for the server of a shared state
	sayAfter  = 2 * time.Second  // after which it says that it waits,
	sayEvery  = 10 * time.Second // and then this often
)

// openShared opens a shared state. It waits for the server for a while, and sets nothing
// aside.
func openShared(ctx context.Context, s SharedStore, apiURL string, policy ledger.Policy, w Watcher) (*State, error) {
	r := &replica{store: s, apiURL: apiURL, inUse: make(chan struct{}, 1), asked: make(chan struct{}, 1)}
	a, err := r.first(ctx, policy, w)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	st := newState(ctx, s, a, w, r.now())
	st.replica = r
	go st.commitsShared()
	return st, nil
}

// first loads the account, or creates it.
func (r *replica) first(ctx context.Context, policy ledger.Policy, w Watcher) (*ledger.Account, error) {
	delays := backoff.ExponentialBackOff{InitialInterval: 100 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: 2 * time.Second}
	delays.Reset()
	began := time.Now()
	tried, end := says(w)
	defer end()
	for {
		a, err := r.load(ctx, policy)
		if err == nil && a.Unwritten() {
			err = r.store.Commit(ctx, a.Batch())
		}
		if err == nil {
			return a, nil
		}
		again := errors.Is(err, ledger.ErrOvertaken) || errors.Is(err, ErrUnreachable)
		if !again || time.Since(began) > startWait {
			return nil, err
		}
		tried(err)
		if ended := wait.For(ctx, delays.NextBackOff()); ended != nil {
			return nil, fmt.Errorf("%w, while waiting for: %w", ended, err)
		}
	}
}

// errFirstTry is the reason of a waiting start whose first try has not ended.
var errFirstTry = errors.New("the first try has not ended")

// says reports now and then that a start waits, even during a try, until end is called. tried
// records why the last try failed.
func says(w Watcher) (tried func(error), end func()) {
	var mu sync.Mutex
	cause, ended := errFirstTry, false
	var timer *time.Timer
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(sayAfter, func() {
		mu.Lock()
		defer mu.Unlock()
		if !ended {
			w.Waiting(cause)
			timer.Reset(sayEvery)
		}
	})
	tried = func(err error) {
		mu.Lock()
		defer mu.Unlock()
		cause = err
	}
	return tried, func() {
		mu.Lock()
		defer mu.Unlock()
		ended = true
		timer.Stop()
	}
}

// load loads the account as of now, by the common clock.
func (r *replica) load(ctx context.Context, policy ledger.Policy) (*ledger.Account, error) {
	a, err := load(ctx, r.store, r.apiURL, policy, r.now())
	if err != nil {
		return nil, err
	}
	began := time.Now()
	lease, theirs, err := r.store.Follow(ctx)
	if err != nil {
		return nil, err
	}
	r.clock.observe(lease.Now, began, time.Now())
	switch { // the next look has only what is committed after this load
	case theirs == nil:
		return a, nil
	case !a.Stored():
		return nil, fmt.Errorf("%w: it has made the state", ledger.ErrOvertaken)
	}
	if err := a.Follow(theirs); err != nil {
		return nil, err
	}
	return a, nil
}
