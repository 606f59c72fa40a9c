package state

import (
	"context"
	"errors"
	"time"

	"omegastream_exporter/internal/ledger"
)

// Await waits until the sync that Lead asked another replica for has ended, and this one has
// applied it, together with everything that any replica showed before since. It returns
// [ErrFollows] if the other replica sends no more heartbeats, so that it is time to lead.
func (st *State) Await(ctx context.Context, since time.Time) error {
	r := st.replica
	if r == nil {
		return nil
	}
	st.lookAnew(since)
	var synced, gone bool
	var failure error
	err := st.await(ctx, func() bool {
		if failure = st.failure; errors.Is(failure, ledger.ErrWentBack) {
			failure = nil
		}
		synced = r.lease.Sync.Number >= r.target
		gone = !synced && !r.lease.alive()
		return failure != nil || gone || synced && (!r.looked.Before(since) || st.SurelyLeads() && !st.sentBefore(since))
	})
	switch {
	case err != nil:
		return err
	case failure != nil:
		return failure
	case gone:
		return ErrFollows
	}
	return nil
}

// sentBefore reports whether a commit is under way that began before a time. The caller holds
// known.
func (st *State) sentBefore(then time.Time) bool {
	return !st.sending.IsZero() && st.sending.Before(then)
}

// lookAnew makes the committer look at the state at once, unless it has done so since, or
// this replica leads: then it shows everything there is.
func (st *State) lookAnew(since time.Time) {
	if st.SurelyLeads() {
		return
	}
	st.known.Lock()
	st.replica.wanted = later(st.replica.wanted, since)
	st.known.Unlock()
	st.wakeUp()
}

// LastSync returns the last known sync of any replica; zero if the state is not shared.
func (st *State) LastSync() ledger.SyncRecord {
	if st.replica == nil {
		return ledger.SyncRecord{}
	}
	st.known.Lock()
	defer st.known.Unlock()
	return st.replica.lease.Sync
}

// Moved returns a channel that is closed when this replica may have applied changes of
// another one; nil if the state is not shared.
func (st *State) Moved() (moved <-chan struct{}, led bool) {
	if st.replica == nil {
		return nil, true
	}
	st.known.Lock()
	defer st.known.Unlock()
	return st.moved, st.replica.lease.Held
}

// Watch records that a scrape waits, until the returned function is called. Meanwhile this
// replica looks for changes of others more often.
func (st *State) Watch() (done func()) {
	r := st.replica
	if r == nil {
		return func() {}
	}
	add := func(n int) {
		st.known.Lock()
		r.watchers += n
		r.watched = time.Now()
		st.known.Unlock()
		st.wakeUp()
	}
	add(1)
	return func() { add(-1) }
}

// Asked returns a channel that receives when another replica asks this one for a sync while
// it leads; nil if the state is not shared.
func (st *State) Asked() <-chan struct{} {
	if st.replica == nil {
		return nil
	}
	return st.replica.asked
}

// Wanted reports whether another replica still waits for a sync.
func (st *State) Wanted() bool {
	st.known.Lock()
	defer st.known.Unlock()
	return st.replica.lease.Asked > st.replica.lease.Sync.Number
}
