package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	startWait   = 30 * time.Second       // how long a start waits for the server of a shared state
	watchEvery  = 250 * time.Millisecond // between looks at the state while this process leads or a scrape waits,
	followEvery = 5 * time.Second        // and else
	sureFor     = 4 * time.Second        // after a sign of life that was acknowledged, this process surely leads
	scrapedFor  = 30 * time.Second       // after a scrape this process counts as one that is scraped
)

// share is what a Book needs to share its state with other processes.
type share struct {
	store  Shared
	apiURL string
	clock  commonClock

	// turn is taken by whoever uses the store, and guards what follows.
	turn    chan struct{}
	suspect error // why the account must be loaded anew before anything else
	acked   time.Time
	beat    sighting
	rest    sighting

	// Guarded by Book.mu.
	working int         // syncs and lists that keep the lease
	ended   *SyncRecord // that the state has not been told of
	yield   bool        // the lease is given back whatever there is to do
	heal    *healing    // nil while the state has all that was shown
	limits  Limits

	// Guarded by Book.state.
	lease    Lease     // as of the last look
	looked   time.Time // when that was asked for
	wanted   time.Time // a look that somebody waits for is to be asked for after this
	target   uint64    // the sync that this process has asked for
	watchers int       // scrapes that wait
	watched  time.Time
	sending  time.Time // when the commit was begun that is under way
	flushing int       // calls of Flush that wait
	unfit    time.Time // until then another process is to lead

	term  atomic.Pointer[term]      // nil while this process does not lead
	sure  atomic.Pointer[time.Time] // until then this process surely leads
	asked chan struct{}             // another process asks for a sync
}

// Limits are the limits of the calls to the API, which go with the lease.
type Limits interface {
	// State returns what the next process that leads must know. final says that no call
	// is made before that.
	State(final bool) []byte

	// Restore goes on where the process before was that long ago.
	Restore(state []byte, ago time.Duration)
}

// sighting is a time of the state's clock, and when it was seen here first.
type sighting struct{ is, since time.Time }

func (s *sighting) see(is, now time.Time) {
	if !s.is.Equal(is) || s.since.IsZero() {
		s.is, s.since = is, now
	}
}

// after returns the time if it was first seen so long ago, else zero.
func (s *sighting) after(d time.Duration, now time.Time) time.Time {
	if s.since.IsZero() || now.Sub(s.since) < d {
		return time.Time{}
	}
	return s.is
}

func (s *share) now() time.Time { return s.clock.at(time.Now()) }

// openShared opens a state that others may have open. It waits for the server for a
// while, and sets nothing aside.
func openShared(ctx context.Context, s Shared, apiURL string, policy Policy, w Watcher) (*Book, error) {
	sh := &share{store: s, apiURL: apiURL, turn: make(chan struct{}, 1), asked: make(chan struct{}, 1)}
	a, err := sh.first(ctx, policy, w)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	b := newBook(ctx, s, a, w, sh.now())
	b.share = sh
	go b.shares()
	return b, nil
}

// first loads the account, or makes it where there is none.
func (s *share) first(ctx context.Context, policy Policy, w Watcher) (*Account, error) {
	wait := backoff.ExponentialBackOff{InitialInterval: 100 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: 2 * time.Second}
	wait.Reset()
	began := time.Now()
	tell := began.Add(2 * time.Second)
	for {
		a, err := s.load(ctx, policy)
		if err == nil && !a.Stored() {
			err = s.store.Commit(ctx, a.Batch())
		}
		if err == nil {
			return a, nil
		}
		again := errors.Is(err, ErrOvertaken) || errors.Is(err, ErrUnreachable)
		now := time.Now()
		if !again || now.Sub(began) > startWait {
			return nil, err
		}
		if now.After(tell) {
			w.Waiting(err)
			tell = now.Add(10 * time.Second)
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
	a, err := load(ctx, s.store, s.apiURL, policy, s.now())
	if err != nil {
		return nil, err
	}
	began := time.Now()
	lease, theirs, err := s.store.Follow(ctx)
	if err != nil {
		return nil, err
	}
	s.clock.told(lease.Now, began, time.Now())
	switch { // the next look has only what is committed after this one
	case theirs == nil:
		return a, nil
	case !a.stored:
		return nil, fmt.Errorf("%w: it has made the state", ErrOvertaken)
	}
	return a, a.Follow(theirs)
}

// take takes the turn to use the store.
func (s *share) take(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// shares is the committer of a shared state: it commits what this process has changed
// while it leads, and follows the one that leads while it does not.
func (b *Book) shares() {
	defer close(b.done)
	wait := backoff.ExponentialBackOff{InitialInterval: 200 * time.Millisecond, RandomizationFactor: 0.2, Multiplier: 2, MaxInterval: 5 * time.Second}
	wait.Reset()
	looked := time.Now()
	for {
		next := time.NewTimer(time.Until(looked.Add(b.pause())))
		select {
		case <-b.ctx.Done():
			next.Stop()
			return
		case <-b.wake:
		case <-next.C:
		}
		next.Stop()
		look := time.Since(looked) >= b.pause()
		if look {
			looked = time.Now()
		}
		err := b.round(look)
		if err == nil {
			wait.Reset()
			continue
		}
		if b.ctx.Err() == nil {
			b.watcher.CommitFailed(err)
			b.report(err, 0)
		}
		rest := time.NewTimer(wait.NextBackOff())
		select {
		case <-rest.C:
		case <-b.ctx.Done():
			rest.Stop()
		}
	}
}

// pause returns how long after a look at the state the next one is due.
func (b *Book) pause() time.Duration {
	b.mu.Lock()
	leads := b.account.Leads()
	b.mu.Unlock()
	b.state.Lock()
	defer b.state.Unlock()
	if b.share.wanted.After(b.share.looked) {
		return 0
	}
	if leads || b.share.watchers > 0 {
		return watchEvery
	}
	return followEvery
}

// round commits what has changed, or takes in what has. look says that it is time for a
// sign of life, or for a look at what another process has done.
func (b *Book) round(look bool) error {
	s := b.share
	if err := s.take(b.ctx); err != nil {
		return err
	}
	defer func() { <-s.turn }()
	err := s.suspect
	if err == nil {
		err = b.turn(look)
	}
	if needsLoad(err) {
		err = b.reload(err)
	}
	return err
}

// turn is a round of an account that is as the state has it.
func (b *Book) turn(look bool) error {
	b.mu.Lock()
	leads, seq := b.account.Leads(), b.applied
	b.mu.Unlock()
	if leads {
		return b.commitLed(look)
	}
	if !look {
		b.show(seq)
		return nil
	}
	if err := b.follow(seq); err != nil {
		return err
	}
	return b.raiseAlone()
}

// follow takes in what others have committed.
func (b *Book) follow(seq uint64) error {
	ctx, cancel := context.WithTimeout(b.ctx, LoadLimit)
	defer cancel()
	sent := time.Now()
	lease, theirs, err := b.share.store.Follow(ctx)
	if err == nil {
		err = b.takeIn(theirs)
	}
	if err != nil {
		return err
	}
	b.show(seq) // before it is told
	b.heard(lease, sent)
	return nil
}

func (b *Book) takeIn(theirs *Batch) error {
	if theirs == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.account.Follow(theirs)
}

// show makes the account the view, unless it counts less than was shown. This process
// must not lead: all of the account is then durable.
func (b *Book) show(seq uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.healed()
	b.showDurable(b.account.View(b.Now()), seq)
}

// showDurable makes next the view, unless the state counts less than was shown. The
// caller holds b.mu.
func (b *Book) showDurable(next *View, seq uint64) {
	var err error
	if heal := b.share.heal; heal != nil {
		err = heal.cause
	} else {
		b.view.Store(next)
	}
	b.report(err, seq)
}

// heard notes what the state said of the lease, in answer to what was sent then.
func (b *Book) heard(lease Lease, sent time.Time) {
	s, now := b.share, time.Now()
	s.clock.told(lease.Now, sent, now)
	s.beat.see(lease.Beat, now)
	s.rest.see(lease.Sync.Ended, now)
	b.state.Lock()
	s.lease, s.looked = lease, sent
	close(b.moved)
	b.moved = make(chan struct{})
	b.state.Unlock()
}
