package state

import (
	"context"
	"errors"
	"time"

	"omegastream_exporter/internal/ledger"
)

// ErrFollows is returned for what only the leader can do.
var ErrFollows = errors.New("this replica does not lead")

// Carry sets the limits that pass with the lease from replica to replica. Call it first.
func (st *State) Carry(l Limits) {
	if st.share != nil {
		st.mu.Lock()
		defer st.mu.Unlock()
		st.share.limits = l
	}
}

// Shared reports whether other replicas can have the state open.
func (st *State) Shared() bool { return st.share != nil }

// Lead makes this process lead, until [State.Synced] or [State.GiveBack]. The returned
// context ends when the lease is lost. It is nil if there is nothing to do here: another
// process leads, and was asked for a sync if one is due. A state that is not shared always
// leads, until it is closed.
func (st *State) Lead(ctx context.Context) (lead context.Context, err error) {
	s := st.share
	switch {
	case st.ctx.Err() != nil:
		return nil, errClosed
	case s == nil:
		return st.ctx, nil
	}
	if err := s.take(ctx); err != nil {
		return nil, err
	}
	defer func() { <-s.turn }()
	defer st.wakeUp()
	if lead := st.join(); lead != nil {
		return lead, nil
	}
	if s.suspect != nil {
		if err := st.reload(s.suspect); err != nil {
			st.report(err, 0)
			return nil, err
		}
	}
	lease, err := st.bid(ctx, false)
	if err == nil && lease.free() { // it was released during the bid
		lease, err = st.bid(ctx, false)
	}
	if err != nil {
		st.report(err, 0)
		return nil, err
	}
	st.known.Lock()
	s.target = 0
	if !lease.Ours && lease.Held && lease.Asked > lease.Sync.Number {
		s.target = lease.Asked
	}
	st.known.Unlock()
	return st.join(), nil
}

// join keeps the lease for one more sync. It returns nil if this process does not have it.
func (st *State) join() context.Context {
	st.mu.Lock()
	defer st.mu.Unlock()
	lead := st.share.leading()
	if lead != nil {
		st.share.working++
	}
	return lead
}

// term is the time in which this process leads.
type term struct {
	ctx context.Context
	end context.CancelFunc
}

// leading returns the context of the term; nil while this process does not lead.
func (s *share) leading() context.Context {
	if t := s.term.Load(); t != nil {
		return t.ctx
	}
	return nil
}

// bid asks for the lease, and starts to lead if it gets it. work says that the lease is
// needed for more than a sync.
func (st *State) bid(ctx context.Context, work bool) (Lease, error) {
	s, sent := st.share, time.Now()
	st.known.Lock()
	bid := Bid{
		Silent: s.heartbeat.after(LeaseFor, sent), Rested: s.rest.after(s.lease.Sync.Rest, sent),
		Work: work, Unfit: sent.Before(s.unfit),
	}
	st.known.Unlock()
	lease, theirs, err := s.store.Lead(ctx, bid)
	if err == nil {
		err = st.takeIn(theirs)
	}
	if NeedsLoad(err) {
		err = st.reload(err)
	}
	if err != nil {
		return lease, err
	}
	defer st.heard(lease, sent)
	st.mu.Lock()
	seq := st.applied
	st.mu.Unlock()
	st.show(seq)
	if !lease.Ours {
		return lease, nil
	}
	s.clock.observe(lease.Now, sent, time.Now())
	s.acked = sent
	st.mu.Lock()
	defer st.mu.Unlock()
	if s.limits != nil && lease.Limits != nil {
		s.limits.Restore(lease.Limits, max(0, lease.Now.Sub(lease.Limited)))
	}
	st.account.Lead(lease.Fence, st.Now())
	s.giveBack, s.working, s.ended = false, 0, nil
	ctx, end := context.WithCancel(st.ctx)
	s.surely(sent)
	s.term.Store(&term{ctx, end})
	return lease, nil
}

// surely records an acknowledged heartbeat that was sent at a time.
func (s *share) surely(sent time.Time) {
	until := sent.Add(sureFor)
	s.sure.Store(&until)
}

// Leads returns nil while no other replica can lead, and [ErrFollows] otherwise.
func (st *State) Leads() error {
	if st.share == nil {
		return nil
	}
	if until := st.share.sure.Load(); until == nil || !time.Now().Before(*until) {
		return ErrFollows
	}
	return nil
}

// MayCall returns nil if the API can be called now. It is the last check before each call.
func (st *State) MayCall(ctx context.Context) error {
	if ctx.Value(followersCall{}) != nil {
		return nil
	}
	return st.Leads()
}

type followersCall struct{}

// FollowersCall returns the context of an API call that need not wait until this process
// leads. The call obeys what the API has asked of the leader, as far as this process knows.
func (st *State) FollowersCall(ctx context.Context) context.Context {
	s := st.share
	st.mu.Lock()
	defer st.mu.Unlock()
	st.known.Lock()
	lease, looked := s.lease, s.looked
	st.known.Unlock()
	if s.leading() == nil && s.limits != nil && lease.Limits != nil {
		s.limits.Restore(lease.Limits, max(0, lease.Now.Sub(lease.Limited)+time.Since(looked)))
	}
	return context.WithValue(ctx, followersCall{}, true)
}

// Leading waits until this process leads, and returns the context of its term.
func (st *State) Leading(ctx context.Context) (context.Context, error) {
	if st.share == nil {
		return st.ctx, ctx.Err()
	}
	var lead context.Context
	err := st.await(ctx, func() bool {
		lead = st.share.leading() //nolint:fatcontext // not a child of the previous one
		return lead != nil
	})
	return lead, err
}

// Keep keeps the lease until the returned function is called.
func (st *State) Keep() (done func()) {
	if st.share == nil {
		return func() {}
	}
	st.mu.Lock()
	lead := st.share.leading()
	if lead != nil {
		st.share.working++
	}
	st.mu.Unlock()
	return func() { st.leave(lead, nil, false) }
}

// leave ends what keeps the lease, if it is still the lease of that context.
func (st *State) leave(lead context.Context, ended *ledger.SyncRecord, giveBack bool) {
	st.mu.Lock()
	s := st.share
	if lead != nil && s.leading() == lead {
		s.working--
		s.giveBack = s.giveBack || giveBack
		if ended != nil {
			s.ended = ended
		}
		st.applied++
	}
	st.mu.Unlock()
	st.wakeUp()
}

// Synced ends what Lead started, with a sync. Other processes see its result when everything
// in it is durable. The lease is released when nothing is due soon.
func (st *State) Synced(lead context.Context, r ledger.SyncRecord) {
	if st.share != nil {
		st.leave(lead, &r, false)
	}
}

// GiveBack ends what Lead started, without a result, because of a problem of this replica's
// own. For the time unfit, it then does not lead while another replica syncs well.
func (st *State) GiveBack(lead context.Context, unfit time.Duration) {
	if st.share == nil {
		return
	}
	st.known.Lock()
	st.share.unfit = time.Now().Add(unfit)
	st.known.Unlock()
	st.leave(lead, nil, true)
}

// endLead ends the lead in this process. The caller holds st.mu.
func (st *State) endLead() {
	s := st.share
	st.account.Resign()
	s.sure.Store(nil)
	if t := s.term.Swap(nil); t != nil {
		t.end()
	}
	s.working = 0
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
