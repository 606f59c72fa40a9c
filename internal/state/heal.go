package state

import (
	"context"
	"fmt"
	"time"

	"omegastream_exporter/internal/ledger"
)

// healing is what this replica does while the state has less than was shown, as after a
// failover of the database that lost the last commits. It keeps showing the old values until
// the lost ones are known again.
type healing struct {
	cause error
	shown *ledger.Account // the account of the view
	since time.Time       // when the state was loaded
}

// reload loads the account again. What was not durable is lost, and read again.
func (st *State) reload(cause error) error {
	r := st.replica
	st.mu.Lock()
	st.endLead()
	policy := st.account.Policy()
	st.mu.Unlock()
	ctx, cancel := context.WithTimeout(st.ctx, LoadLimit)
	defer cancel()
	next, err := r.load(ctx, policy)
	if err == nil && next.Stored() && next.Unwritten() { // only a start may create it, not a running replica
		err = fmt.Errorf("%w: it had no endpoint yet, and a replica for the other one has begun to use it", ledger.ErrOtherAccount)
	}
	if err != nil {
		r.suspect = cause // the account is invalid, so nothing of it must be committed
		return err
	}
	r.suspect = nil
	st.mu.Lock()
	shown := st.account
	if r.heal != nil {
		shown = r.heal.shown
	}
	err = next.Check(st.view.Load(), shown)
	if err != nil {
		r.heal = &healing{cause: err, shown: shown, since: st.Now()}
		next.ReduceURLsAs(shown)
	} else {
		r.heal = nil
		next.Adopt(shown)
		st.view.Store(next.View(st.Now()))
	}
	st.account = next
	seq := st.applied
	st.known.Lock()
	st.loads++
	st.known.Unlock()
	st.mu.Unlock()
	st.report(err, seq)
	st.watcher.LoadedAnew(cause)
	st.wakeUp()
	return nil
}

// healed ends the healing when the state has everything that was shown. The caller holds
// st.mu.
func (st *State) healed() {
	heal := st.replica.heal
	if heal == nil {
		return
	}
	if err := st.account.Check(st.view.Load(), heal.shown); err != nil {
		heal.cause = err
		if st.account.Leads() && st.account.Relearned(heal.since) {
			st.account.Raise(st.view.Load(), heal.shown)
			st.applied++
			st.wakeUp()
		}
		return
	}
	st.replica.heal = nil
	st.account.Adopt(heal.shown)
}

// raiseAlone takes the lease if no replica has it, and the only thing left to do is to raise
// the counters to what this replica has shown.
func (st *State) raiseAlone() error {
	st.known.Lock()
	held := st.replica.lease.Held
	st.known.Unlock()
	st.mu.Lock()
	heal := st.replica.heal
	alone := heal != nil && !held && st.account.Relearned(heal.since)
	st.mu.Unlock()
	if !alone {
		return nil
	}
	_, err := st.bid(st.ctx, true)
	return err
}
