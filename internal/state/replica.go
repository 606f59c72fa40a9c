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
	watchEvery = 250 * time.Millisecond // between looks at the state while this replica leads or a scrape waits
	sureFor    = 4 * time.Second        // after an acknowledged heartbeat, this replica surely leads
	scrapedFor = 30 * time.Second       // after a scrape, this replica counts as scraped
)

// FollowEvery is the time between looks at the state while another replica leads and no
// scrape waits.
const FollowEvery = 5 * time.Second

// replica is what a shared State needs as one of several replicas.
type replica struct {
	store  SharedStore
	apiURL string
	clock  commonClock

	inUse chan struct{} // holds one element while the store is used

	// Guarded by inUse.
	suspect   error     // why the account must first be loaded again
	acked     time.Time // when the last acknowledged heartbeat was sent
	heartbeat sighting  // of the leader, the last one
	rest      sighting  // of the end of the last sync

	// Guarded by State.mu.
	working  int                // syncs and lists that keep the lease
	ended    *ledger.SyncRecord // not yet committed
	giveBack bool               // release the lease, even if there is more to do
	heal     *healing           // nil while the state has everything that was shown
	limits   Limits

	// Guarded by State.known.
	lease    Lease     // as of the last look
	looked   time.Time // when that look was requested
	wanted   time.Time // somebody waits for a look requested after this
	target   uint64    // the sync that this replica asked for
	watchers int       // waiting scrapes
	watched  time.Time
	flushing int       // waiting calls of Flush
	unfit    time.Time // until then, leave the lease to another replica

	term  atomic.Pointer[term]      // nil while this replica does not lead
	sure  atomic.Pointer[time.Time] // this replica surely leads until then
	asked chan struct{}             // receives when another replica asks for a sync
}

// Limits are the limits of API calls, which pass with the lease.
type Limits interface {
	// Snapshot returns what the next leader must know. final means that no call is made before
	// it leads.
	Snapshot(final bool) []byte

	// Restore continues from the snapshot of the previous leader, that long ago.
	Restore(snapshot []byte, ago time.Duration)
}

// sighting is a time of the state's clock, and when this replica first saw it.
type sighting struct{ is, since time.Time }

func (s *sighting) see(is, now time.Time) {
	if !s.is.Equal(is) || s.since.IsZero() {
		s.is, s.since = is, now
	}
}

// after returns the time if it was first seen this long ago, and zero otherwise.
func (s *sighting) after(d time.Duration, now time.Time) time.Time {
	if s.since.IsZero() || now.Sub(s.since) < d {
		return time.Time{}
	}
	return s.is
}

func (r *replica) now() time.Time { return r.clock.at(time.Now()) }

// acquire waits until nobody else uses the store.
func (r *replica) acquire(ctx context.Context) error {
	select {
	case r.inUse <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// release ends what acquire started.
func (r *replica) release() { <-r.inUse }

// commitsShared is the committer of a shared state. It commits what this replica has changed
// while it leads, and follows the leader while it does not.
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

// pause returns the time between two looks at the state.
func (st *State) pause() time.Duration {
	st.mu.Lock()
	leads := st.account.Leads()
	st.mu.Unlock()
	st.known.Lock()
	defer st.known.Unlock()
	if st.replica.wanted.After(st.replica.looked) {
		return 0
	}
	if leads || st.replica.watchers > 0 {
		return watchEvery
	}
	return FollowEvery
}

// round commits what this replica has changed, or applies what another one has. look means
// that a heartbeat is due, or a look at the other replica's changes.
func (st *State) round(look bool) error {
	r := st.replica
	if err := r.acquire(st.ctx); err != nil {
		return err
	}
	defer r.release()
	err := r.suspect
	if err == nil {
		err = st.commitOrFollow(look)
	}
	if NeedsLoad(err) {
		err = st.reload(err)
	}
	return err
}

// commitOrFollow is a round with a valid account.
func (st *State) commitOrFollow(look bool) error {
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
	lease, theirs, err := st.replica.store.Follow(ctx)
	if err == nil {
		err = st.apply(theirs)
	}
	if err != nil {
		return err
	}
	st.show(seq) // before others are notified
	st.heard(lease, sent)
	return nil
}

// apply applies what other replicas have committed, if there is something.
func (st *State) apply(theirs *ledger.Batch) error {
	if theirs == nil {
		return nil
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.account.Follow(theirs)
}

// show makes the account the view, unless it counts less than was shown. This replica must
// not lead, so that everything in the account is durable.
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
	if heal := st.replica.heal; heal != nil {
		err = heal.cause
	} else {
		st.view.Store(next)
	}
	st.report(err, seq)
}

// heard records the state's answer about the lease to a request sent at a time.
func (st *State) heard(lease Lease, sent time.Time) {
	r, now := st.replica, time.Now()
	r.clock.observe(lease.Now, sent, now)
	r.heartbeat.see(lease.Heartbeat, now)
	r.rest.see(lease.Sync.Ended, now)
	st.known.Lock()
	r.lease, r.looked = lease, sent
	st.move()
	st.known.Unlock()
}
