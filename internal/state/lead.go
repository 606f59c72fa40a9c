package state

import (
	"context"
	"errors"
	"time"

	"omegastream_exporter/internal/ledger"
)

// ErrFollows is returned for what only the leading replica can do.
var ErrFollows = errors.New("this replica does not lead")

// Carry sets the limits that go with the lease from replica to replica. Call it before
// anything else.
func (st *State) Carry(l Limits) {
	if st.share != nil {
		st.mu.Lock()
		defer st.mu.Unlock()
		st.share.limits = l
	}
}

// Shared reports whether other replicas can have the state open.
func (st *State) Shared() bool { return st.share != nil }

// Lead makes this process the one that works on the account, until [State.Synced] or
// [State.GiveBack]. The context that it returns ends when the lease is lost. It is nil where
// there is nothing to do here: another process leads, and was asked for a sync if it is
// time for one. A state of this process's own is always led, until it is closed.
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
	if err == nil && lease.free() { // it was given back in the midst of the bid
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

// join keeps the lease for one more sync, and returns nil where this process has none.
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

// leading returns the context of the term, nil while this process does not lead.
func (s *share) leading() context.Context {
	if t := s.term.Load(); t != nil {
		return t.ctx
	}
	return nil
}

// bid asks for the lease, and begins to lead if it is granted. work says that it is wanted
// for more than a sync.
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

// surely notes a sign of life that was sent then, and acknowledged.
func (s *share) surely(sent time.Time) {
	until := sent.Add(sureFor)
	s.sure.Store(&until)
}

// Leads returns nil while no other replica can lead, else [ErrFollows].
func (st *State) Leads() error {
	if st.share == nil {
		return nil
	}
	if until := st.share.sure.Load(); until == nil || !time.Now().Before(*until) {
		return ErrFollows
	}
	return nil
}

// MayCall returns nil if the API can be called now. It is checked last before each call.
func (st *State) MayCall(ctx context.Context) error {
	if ctx.Value(followersCall{}) != nil {
		return nil
	}
	return st.Leads()
}

type followersCall struct{}

// FollowersCall returns the context of a call of the API that does not wait until this
// process leads. The call obeys what the API has asked of the one that leads, as far as
// that is known here.
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

// Leading waits until this process leads, and returns the context of that.
func (st *State) Leading(ctx context.Context) (context.Context, error) {
	if st.share == nil {
		return st.ctx, ctx.Err()
	}
	var lead context.Context
	err := st.await(ctx, func() bool {
		lead = st.share.leading() //nolint:fatcontext // it is no child of the one before
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

// leave ends what keeps the lease, if it is still the one of that context.
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

// Synced ends what Lead began with a sync. The other processes see its result once all of
// it is durable. The lease is given back when nothing is due soon.
func (st *State) Synced(lead context.Context, r ledger.SyncRecord) {
	if st.share != nil {
		st.leave(lead, &r, false)
	}
}

// GiveBack ends what Lead began, without a result, over a problem of this replica's own. It
// then does not lead for the time unfit, as long as another replica syncs well.
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
