package state

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/wait"
)

const (
	watchEvery = 250 * time.Millisecond // between looks at the state while this process leads or a scrape waits
	sureFor    = 4 * time.Second        // after a sign of life that was acknowledged, this process surely leads
	scrapedFor = 30 * time.Second       // after a scrape this process counts as one that is scraped
)

// FollowEvery is how long there is between two looks at the state while another process
// leads and no scrape waits.
const FollowEvery = 5 * time.Second

// share is what a State needs to share with other processes.
type share struct {
	store  SharedStore
	apiURL string
	clock  commonClock

	// turn is held while the store is used, and guards what follows.
	turn      chan struct{}
	suspect   error // why the account must be loaded anew before anything else
	acked     time.Time
	heartbeat sighting
	rest      sighting

	// Guarded by State.mu.
	working  int                // syncs and lists that keep the lease
	ended    *ledger.SyncRecord // that is not committed yet
	giveBack bool               // the lease is given back whatever there is to do
	heal     *healing           // nil while the state has all that was shown
	limits   Limits

	// Guarded by State.known.
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

// take takes the turn to use the store.
func (s *share) take(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// commitsShared is the committer of a shared state: it commits what this process has changed
// while it leads, and follows the one that leads while it does not.
func (st *State) commitsShared() {
	defer close(st.done)
	delays := backoff.ExponentialBackOff{InitialInterval: 200 * time.Millisecond, RandomizationFactor: 0.2, Multiplier: 2, MaxInterval: 5 * time.Second}
	delays.Reset()
	looked := time.Now()
	for {
		next := time.NewTimer(time.Until(looked.Add(st.pause())))
		select {
		case <-st.ctx.Done():
			next.Stop()
			return
		case <-st.wake:
		case <-next.C:
		}
		next.Stop()
		look := time.Since(looked) >= st.pause()
		if look {
			looked = time.Now()
		}
		err := st.round(look)
		if err == nil {
			delays.Reset()
			continue
		}
		if st.ctx.Err() == nil {
			st.watcher.CommitFailed(err)
			st.report(err, 0)
		}
		_ = wait.For(st.ctx, delays.NextBackOff()) // the next round notices the end
	}
}

// pause returns how long after a look at the state the next one is due.
func (st *State) pause() time.Duration {
	st.mu.Lock()
	leads := st.account.Leads()
	st.mu.Unlock()
	st.known.Lock()
	defer st.known.Unlock()
	if st.share.wanted.After(st.share.looked) {
		return 0
	}
	if leads || st.share.watchers > 0 {
		return watchEvery
	}
	return FollowEvery
}

// round commits what this process has changed, or applies what another has. look says that
// it is time for a heartbeat, or for a look at what another process has done.
func (st *State) round(look bool) error {
	s := st.share
	if err := s.take(st.ctx); err != nil {
		return err
	}
	defer func() { <-s.turn }()
	err := s.suspect
	if err == nil {
		err = st.turn(look)
	}
	if NeedsLoad(err) {
		err = st.reload(err)
	}
	return err
}

// turn is a round of an account that is as the state has it.
func (st *State) turn(look bool) error {
	st.mu.Lock()
	leads, seq := st.account.Leads(), st.applied
	st.mu.Unlock()
	if leads {
		return st.commitLed(look)
	}
	if !look {
		st.show(seq)
		return nil
	}
	if err := st.follow(seq); err != nil {
		return err
	}
	return st.raiseAlone()
}

// follow applies what others have committed.
func (st *State) follow(seq uint64) error {
	ctx, cancel := context.WithTimeout(st.ctx, LoadLimit)
	defer cancel()
	sent := time.Now()
	lease, theirs, err := st.share.store.Follow(ctx)
	if err == nil {
		err = st.takeIn(theirs)
	}
	if err != nil {
		return err
	}
	st.show(seq) // before it is told
	st.heard(lease, sent)
	return nil
}

func (st *State) takeIn(theirs *ledger.Batch) error {
	if theirs == nil {
		return nil
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.account.Follow(theirs)
}

// show makes the account the view, unless it counts less than was shown. This process
// must not lead: all of the account is then durable.
func (st *State) show(seq uint64) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.healed()
	st.showDurable(st.account.View(st.Now()), seq)
}

// showDurable makes next the view, unless the state counts less than was shown. The
// caller holds st.mu.
func (st *State) showDurable(next *ledger.View, seq uint64) {
	var err error
	if heal := st.share.heal; heal != nil {
		err = heal.cause
	} else {
		st.view.Store(next)
	}
	st.report(err, seq)
}

// heard notes what the state said of the lease, in answer to what was sent then.
func (st *State) heard(lease Lease, sent time.Time) {
	s, now := st.share, time.Now()
	s.clock.observe(lease.Now, sent, now)
	s.heartbeat.see(lease.Heartbeat, now)
	s.rest.see(lease.Sync.Ended, now)
	st.known.Lock()
	s.lease, s.looked = lease, sent
	st.move()
	st.known.Unlock()
}
