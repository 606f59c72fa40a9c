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
	if st.replica != nil {
		st.mu.Lock()
		defer st.mu.Unlock()
		st.replica.limits = l
	}
}

// Shared reports whether other replicas can have the state open.
func (st *State) Shared() bool { return st.replica != nil }

// Lead makes this replica lead, until [State.Synced] or [State.GiveBack]. The returned
// context ends when the lease is lost. It is nil if there is nothing to do here: another
// replica leads, and was asked for a sync if one is due. A state that is not shared always
// leads, until it is closed.
func (st *State) Lead(ctx context.Context) (lead context.Context, err error) {
	r := st.replica
	switch {
	case st.ctx.Err() != nil:
		return nil, errClosed
	case r == nil:
		return st.ctx, nil
	}
	if err := r.acquire(ctx); err != nil {
		return nil, err
	}
	defer r.release()
	defer st.wakeUp()
	if lead := st.join(); lead != nil {
		return lead, nil
	}
	if r.suspect != nil {
		if err := st.reload(r.suspect); err != nil {
			st.report(err, 0)
			return nil, err
		}
	}
	lease, err := st.bid(ctx, false)
	if err == nil && lease.free() { // it was released, or ended, during the bid
		lease, err = st.bid(ctx, false)
	}
	if err != nil {
		st.report(err, 0)
		return nil, err
	}
	st.known.Lock()
	r.target = 0
	if !lease.Ours && lease.alive() && lease.Asked > lease.Sync.Number {
		r.target = lease.Asked // no sync comes from a leader that was killed
	}
	st.known.Unlock()
	return st.join(), nil
}

// join keeps the lease for one more sync. It returns nil if this replica does not have it.
func (st *State) join() context.Context {
	st.mu.Lock()
	defer st.mu.Unlock()
	lead := st.replica.leading()
	if lead != nil {
		st.replica.working++
	}
	return lead
}

// term is the time in which this replica leads.
type term struct {
	ctx context.Context
	end context.CancelFunc
}

// leading returns the context of the term; nil while this replica does not lead.
func (r *replica) leading() context.Context {
	if t := r.term.Load(); t != nil {
		return t.ctx
	}
	return nil
}

// bid asks for the lease, and starts to lead if it gets it. work says that the lease is
// needed for more than a sync.
func (st *State) bid(ctx context.Context, work bool) (Lease, error) {
	r, sent := st.replica, time.Now()
	st.known.Lock()
	bid := Bid{
		Silent: r.heartbeat.after(LeaseFor, sent), Rested: r.rest.after(r.lease.Sync.Rest, sent),
		Work: work, Unfit: sent.Before(r.unfit),
	}
	st.known.Unlock()
	lease, theirs, err := r.store.Lead(ctx, bid)
	if err == nil {
		err = st.apply(theirs)
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
	r.clock.observe(lease.Now, sent, time.Now())
	r.acked = sent
	st.mu.Lock()
	defer st.mu.Unlock()
	if r.limits != nil && lease.Limits != nil {
		r.limits.Restore(lease.Limits, max(0, lease.Now.Sub(lease.Limited)))
	}
	st.account.Lead(lease.Fence, st.Now())
	r.giveBack, r.working, r.ended = false, 0, nil
	ctx, end := context.WithCancel(st.ctx)
	r.surely(sent)
	r.term.Store(&term{ctx, end})
	return lease, nil
}

// surely records an acknowledged heartbeat that was sent at a time.
func (r *replica) surely(sent time.Time) {
	until := sent.Add(sureFor)
	r.sure.Store(&until)
}

// SurelyLeads reports whether no other replica can lead.
func (st *State) SurelyLeads() bool {
	if st.replica == nil {
		return true
	}
	until := st.replica.sure.Load()
	return until != nil && time.Now().Before(*until)
}

// MayCall returns nil if the API can be called now, and [ErrFollows] otherwise. It is the last
// check before each call.
func (st *State) MayCall(ctx context.Context) error {
	if ctx.Value(followersCall{}) != nil || st.SurelyLeads() {
		return nil
	}
	return ErrFollows
}

type followersCall struct{}

// FollowersCall returns the context of an API call that need not wait until this replica
// leads. The call obeys what the API has asked of the leader, as far as this replica knows.
func (st *State) FollowersCall(ctx context.Context) context.Context {
	r := st.replica
	st.mu.Lock()
	defer st.mu.Unlock()
	st.known.Lock()
	lease, looked := r.lease, r.looked
	st.known.Unlock()
	if r.leading() == nil && r.limits != nil && lease.Limits != nil {
		r.limits.Restore(lease.Limits, max(0, lease.Now.Sub(lease.Limited)+time.Since(looked)))
	}
	return context.WithValue(ctx, followersCall{}, true)
}

// Leading waits until this replica leads, and returns the context of its term.
func (st *State) Leading(ctx context.Context) (context.Context, error) {
	if st.replica == nil {
		return st.ctx, ctx.Err()
	}
	var lead context.Context
	err := st.await(ctx, func() bool {
		lead = st.replica.leading() //nolint:fatcontext // not a child of the previous one
		return lead != nil
	})
	return lead, err
}

// KeepLease keeps the lease, if this replica has it, until the returned function is called.
func (st *State) KeepLease() (done func()) {
	if st.replica == nil {
		return func() {}
	}
	st.mu.Lock()
	lead := st.replica.leading()
	if lead != nil {
		st.replica.working++
	}
	st.mu.Unlock()
	return func() { st.leave(lead, nil, false) }
}

// leave ends what keeps the lease, if it is still the lease of that context.
func (st *State) leave(lead context.Context, ended *ledger.SyncRecord, giveBack bool) {
	st.mu.Lock()
	r := st.replica
	if lead != nil && r.leading() == lead {
		r.working--
		r.giveBack = r.giveBack || giveBack
		if ended != nil {
			r.ended = ended
		}
		st.applied++
	}
	st.mu.Unlock()
	st.wakeUp()
}

// Synced ends what Lead started, with a sync. Other replicas see its result when everything
// in it is durable. The lease is released when nothing is due soon.
func (st *State) Synced(lead context.Context, r ledger.SyncRecord) {
	if st.replica != nil {
		st.leave(lead, &r, false)
	}
}

// GiveBack ends what Lead started, without a result, because of a problem of this replica's
// own. For the time unfit, or a longer one that still runs, it then does not lead while
// another replica syncs well.
func (st *State) GiveBack(lead context.Context, unfit time.Duration) {
	if st.replica == nil {
		return
	}
	st.known.Lock()
	st.replica.unfit = later(st.replica.unfit, time.Now().Add(unfit))
	st.known.Unlock()
	st.leave(lead, nil, true)
}

// Fit ends the time for which GiveBack made this replica unfit.
func (st *State) Fit() {
	if st.replica == nil {
		return
	}
	st.known.Lock()
	defer st.known.Unlock()
	st.replica.unfit = time.Time{}
}

// LastResort reports whether no other replica syncs well: this one leads although it gave the
// lease back because of a problem of its own, or the state is not shared.
func (st *State) LastResort() bool {
	if st.replica == nil {
		return true
	}
	st.known.Lock()
	defer st.known.Unlock()
	return time.Now().Before(st.replica.unfit)
}

// endLead ends the lead in this replica. The caller holds st.mu.
func (st *State) endLead() {
	r := st.replica
	st.account.Resign()
	r.sure.Store(nil)
	if t := r.term.Swap(nil); t != nil {
		t.end()
	}
	r.working = 0
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
