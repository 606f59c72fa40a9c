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
	s := st.share
	if s == nil {
		return nil
	}
	st.lookAnew(since)
	var synced, gone bool
	var failure error
	err := st.await(ctx, func() bool {
		if failure = st.failure; errors.Is(failure, ledger.ErrWentBack) {
			failure = nil
		}
		synced = s.lease.Sync.Number >= s.target
		gone = !synced && (!s.lease.Held || !s.lease.Now.Before(s.lease.Heartbeat.Add(LeaseFor)))
		return failure != nil || gone || synced && (!s.looked.Before(since) || st.Leads() == nil && !s.sentBefore(since))
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
// State.known.
func (s *share) sentBefore(then time.Time) bool {
	return !s.sending.IsZero() && s.sending.Before(then)
}

// lookAnew makes the committer look at the state at once, unless it has done so since, or
// this process leads: then it shows everything there is.
func (st *State) lookAnew(since time.Time) {
	if st.Leads() == nil {
		return
	}
	st.known.Lock()
	st.share.wanted = later(st.share.wanted, since)
	st.known.Unlock()
	st.wakeUp()
}

// LastSync returns the last known sync of any replica; zero if the state is not shared.
func (st *State) LastSync() ledger.SyncRecord {
	if st.share == nil {
		return ledger.SyncRecord{}
	}
	st.known.Lock()
	defer st.known.Unlock()
	return st.share.lease.Sync
}

// Moved returns a channel that is closed when this replica may have applied changes of
// another one; nil if the state is not shared.
func (st *State) Moved() (moved <-chan struct{}, led bool) {
	if st.share == nil {
		return nil, true
	}
	st.known.Lock()
	defer st.known.Unlock()
	return st.moved, st.share.lease.Held
}

// Watch records that a scrape waits, until the returned function is called. Meanwhile this
// replica looks for changes of others more often.
func (st *State) Watch() (done func()) {
	s := st.share
	if s == nil {
		return func() {}
	}
	add := func(n int) {
		st.known.Lock()
		s.watchers += n
		s.watched = time.Now()
		st.known.Unlock()
		st.wakeUp()
	}
	add(1)
	return func() { add(-1) }
}

// Asked returns a channel that receives when another replica asks this one for a sync while
// it leads; nil if the state is not shared.
func (st *State) Asked() <-chan struct{} {
	if st.share == nil {
		return nil
	}
	return st.share.asked
}

// Wanted reports whether another replica still waits for a sync.
func (st *State) Wanted() bool {
	st.known.Lock()
	defer st.known.Unlock()
	return st.share.lease.Asked > st.share.lease.Sync.Number
}
