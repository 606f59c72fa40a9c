package ledger

import (
	"context"
	"fmt"
	"time"
)

// healing is what this process does while the state has less than it has shown, as after
// a failover of the database that lost the last commits. It goes on showing what it has
// shown, until what was lost is learned again.
type healing struct {
	cause error
	shown *Account  // that the view is of
	since time.Time // when the state was loaded
}

// reload loads the account anew. What was not durable is lost, and learned again.
func (b *Book) reload(cause error) error {
	s := b.share
	b.mu.Lock()
	b.endLead()
	policy := b.account.Policy()
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(b.ctx, LoadLimit)
	defer cancel()
	next, err := s.load(ctx, policy)
	if err == nil && next.stored && next.changedRow { // that a start does, not one that is under way
		err = fmt.Errorf("%w: it had no endpoint yet, and a replica for the other one has begun to use it", ErrOtherAccount)
	}
	if err != nil {
		s.suspect = cause // the account is of no use: nothing may be committed of it
		return err
	}
	s.suspect = nil
	b.mu.Lock()
	shown := b.account
	if s.heal != nil {
		shown = s.heal.shown
	}
	err = next.Check(b.view.Load(), shown)
	if err != nil {
		s.heal = &healing{cause: err, shown: shown, since: b.Now()}
		next.ReduceURLsAs(shown)
	} else {
		s.heal = nil
		next.Adopt(shown)
		b.view.Store(next.View(b.Now()))
	}
	b.account = next
	seq := b.applied
	b.state.Lock()
	b.loads++
	b.state.Unlock()
	b.mu.Unlock()
	b.report(err, seq)
	b.watcher.LoadedAnew(cause)
	b.wakeUp()
	return nil
}

// healed ends the healing once the state has all that was shown. The caller holds b.mu.
func (b *Book) healed() {
	heal := b.share.heal
	if heal == nil {
		return
	}
	if err := b.account.Check(b.view.Load(), heal.shown); err != nil {
		heal.cause = err
		if b.account.Leads() && b.account.Relearned(heal.since) {
			b.account.Raise(b.view.Load(), heal.shown)
			b.applied++
			b.wakeUp()
		}
		return
	}
	b.share.heal = nil
	b.account.Adopt(heal.shown)
}

// raiseAlone takes the lease where nobody has it and all that is left to do for the state
// is to raise what this process has shown.
func (b *Book) raiseAlone() error {
	b.state.Lock()
	held := b.share.lease.Held
	b.state.Unlock()
	b.mu.Lock()
	heal := b.share.heal
	alone := heal != nil && !held && b.account.Relearned(heal.since)
	b.mu.Unlock()
	if !alone {
		return nil
	}
	_, err := b.bid(b.ctx, true)
	return err
}
