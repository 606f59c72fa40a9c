package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	startWait    = 30 * time.Second       // how long a start waits for the server of a shared state
	followEvery  = 500 * time.Millisecond // how far this process is behind the others while nobody asks
	beatEvery    = LeaseFor / 4
	beatLimit    = LeaseFor / 2
	askLimit     = 5 * time.Second  // of a claim, to the store
	reloadLimit  = 10 * time.Minute // of a load, however large the state is
	wentBackRest = 30 * time.Second // between looks at a state that went back
)

// LeaseFor is how long after its last beat a process still has its leases.
const LeaseFor = 5 * time.Second

// share is what a Book needs to share its state with other processes.
type share struct {
	store  Shared
	apiURL string
	clock  commonClock
	beats  sync.WaitGroup

	// Guarded by Book.mu.
	done     []Done            // reads that ended since the last batch
	orphans  map[string]uint64 // leases in the store that this process has no use for
	listing  Lease
	listed   ended
	claiming map[string]struct{} // names that a lease is being asked for
	asked    uint64              // calls of Refresh

	// Guarded by Book.state.
	followed uint64 // asked, as of the last follow that succeeded
	away     error  // why the last beat failed, nil while they succeed

	suspect atomic.Bool // the state may have gone back: look
	refused atomic.Bool // the state is not one to work on: others may have the leases
}

// ended is how a read ended, and when.
type ended struct {
	at time.Time
	ok bool
}

func (s *share) now() time.Time { return s.clock.at(time.Now()) }

// openShared opens a state that others may have open. It waits for the server for a
// while, and sets nothing aside.
func openShared(ctx context.Context, s Shared, apiURL string, policy Policy, w Watcher) (*Book, error) {
	sh := &share{store: s, apiURL: apiURL, orphans: make(map[string]uint64), claiming: make(map[string]struct{})}
	a, err := sh.first(ctx, policy)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	b := newBook(ctx, s, a, w, sh.now())
	b.share = sh
	go b.shares()
	sh.beats.Go(b.beats)
	return b, nil
}

// first loads the account, or makes it where there is none.
func (s *share) first(ctx context.Context, policy Policy) (*Account, error) {
	wait := backoff.ExponentialBackOff{InitialInterval: 100 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: 2 * time.Second}
	wait.Reset()
	patience := time.Now().Add(startWait)
	for {
		a, err := s.load(ctx, policy)
		if err == nil {
			if err = s.store.Commit(ctx, a.batch()); err == nil {
				return a, nil
			}
		}
		again := errors.Is(err, ErrOvertaken) || errors.Is(err, ErrUnreachable)
		if !again || time.Now().After(patience) {
			return nil, err
		}
		retry := time.NewTimer(wait.NextBackOff())
		select {
		case <-retry.C:
		case <-ctx.Done():
			retry.Stop()
			return nil, fmt.Errorf("%w, while waiting for: %w", ctx.Err(), err)
		}
	}
}

// load loads the account as it is now, by the common clock.
func (s *share) load(ctx context.Context, policy Policy) (*Account, error) {
	if err := s.beat(ctx); err != nil && !errors.Is(err, ErrOvertaken) {
		return nil, err
	}
	return load(ctx, s.store, s.apiURL, policy, s.now())
}

// beat tells the others that this process is alive, and sets the clock.
func (s *share) beat(ctx context.Context) error {
	began := time.Now()
	now, err := s.store.Beat(ctx)
	if err != nil {
		return err
	}
	s.clock.told(now, began, time.Now())
	return nil
}

// beats keeps this process alive for the others until the book is closed.
func (b *Book) beats() {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-b.ctx.Done():
			return
		case <-tick.C:
		}
		if b.share.refused.Load() {
			continue
		}
		ctx, cancel := context.WithTimeout(b.ctx, beatLimit)
		err := b.share.beat(ctx)
		cancel()
		if errors.Is(err, ErrOvertaken) {
			b.share.suspect.Store(true)
			err = nil
		}
		b.state.Lock()
		was := b.share.away
		b.share.away = err
		b.state.Unlock()
		if was != nil || err != nil || b.share.suspect.Load() {
			b.wakeUp()
		}
	}
}
