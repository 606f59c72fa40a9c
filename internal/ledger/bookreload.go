package ledger

import (
	"context"
	"errors"
	"time"
)

// reload loads the account anew. What was not durable is lost, and learned again. It
// refuses an older state, for as long as it is one.
func (b *Book) reload(cause error) error {
	if errors.Is(cause, ErrWentBack) || errors.Is(cause, ErrNewer) {
		b.report(cause, 0)
		b.share.refused.Store(true)
		rest := time.NewTimer(wentBackRest)
		defer rest.Stop()
		err := b.awaitEra(rest.C)
		b.share.refused.Store(false)
		if err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(b.ctx, reloadLimit)
	defer cancel()
	b.mu.Lock()
	policy, asked := b.account.policy, b.share.asked
	b.mu.Unlock()
	next, err := b.share.load(ctx, policy)
	if err != nil {
		b.share.suspect.Store(true) // the account is of no use: nothing may be committed of it
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.account
	if err := next.check(b.view.Load(), old.base.Era); err != nil {
		return err
	}
	next.adopt(old)
	for _, e := range old.endpoints {
		if e.lease.Fence != 0 {
			b.share.orphans[e.row.ID] = e.lease.Fence
		}
	}
	if l := b.share.listing; l.Fence != 0 {
		b.share.orphans[Listing] = l.Fence
		b.share.listing = Lease{}
	}
	b.share.done, b.share.listed = nil, ended{} // what they tell of may be lost
	b.account = next
	b.view.Store(next.view(b.Now()))
	b.state.Lock()
	b.loads++
	b.share.followed = asked
	b.state.Unlock()
	b.report(nil, b.applied)
	b.watcher.LoadedAnew(cause)
	b.wakeUp()
	return nil
}

// awaitEra waits until rest, or until the counters were reset, which makes an older
// state a good one.
func (b *Book) awaitEra(rest <-chan time.Time) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-rest:
			return nil
		case <-tick.C:
			if b.share.store.Renewed(b.ctx) {
				return nil
			}
		case <-b.ctx.Done():
			return b.ctx.Err()
		}
	}
}
