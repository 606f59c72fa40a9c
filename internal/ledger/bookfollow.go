package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// shares is the committer of a shared state: it commits what this process has
// changed, and follows what others have. One after the other: what is shown is the
// state after a number of commits, never a mixture.
func (b *Book) shares() {
	defer close(b.done)
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	wait := backoff.ExponentialBackOff{InitialInterval: 200 * time.Millisecond, RandomizationFactor: 0.2, Multiplier: 2, MaxInterval: 5 * time.Second}
	wait.Reset()
	for {
		select {
		case <-b.ctx.Done():
			return
		case <-b.wake:
		case <-tick.C:
		}
		err := b.round()
		for needsLoad(err) {
			err = b.reload(err)
		}
		if err == nil {
			wait.Reset()
			continue
		}
		if b.ctx.Err() == nil {
			b.watcher.CommitFailed(err)
			b.report(err, 0)
		}
		rest := time.NewTimer(wait.NextBackOff())
		select {
		case <-rest.C:
		case <-b.ctx.Done():
			rest.Stop()
		}
	}
}

// round is one commit and one follow.
func (b *Book) round() error {
	if b.share.suspect.Swap(false) {
		return fmt.Errorf("%w: this replica is not known to the state any more", ErrOvertaken)
	}
	b.mu.Lock()
	batch, seq, asked := b.account.batch(), b.applied, b.share.asked
	b.finish(batch)
	next := b.account.view(b.Now())
	b.mu.Unlock()
	if err := b.commit(batch); err != nil {
		return err
	}
	b.view.Store(next)
	b.mu.Lock()
	b.account.freed(batch)
	b.mu.Unlock()
	b.report(b.beatFailure(), seq)
	if err := b.follow(); err != nil {
		return err
	}
	b.state.Lock()
	b.share.followed = asked
	b.state.Unlock()
	b.report(b.beatFailure(), seq)
	return nil
}

// finish adds to a batch what the others are told. The caller holds b.mu.
func (b *Book) finish(batch *Batch) {
	s := b.share
	for _, d := range s.done {
		l := s.listing
		if d.Name != Listing {
			l = Lease{}
			if e, ok := b.account.endpoints[d.Name]; ok {
				l = e.lease
			}
		}
		if l.Fence == 0 {
			continue // lost: whoever has it now tells
		}
		batch.need(l)
		batch.Done = append(batch.Done, d)
		if d.Name == Listing {
			batch.free(l)
			s.listing = Lease{}
		}
	}
	s.done = nil
	b.account.free(batch, b.Now())
	for name, fence := range s.orphans {
		if _, ok := batch.Freed[name]; !ok {
			batch.free(Lease{name, fence})
		}
	}
	clear(s.orphans)
}

func (b *Book) beatFailure() error {
	b.state.Lock()
	defer b.state.Unlock()
	return b.share.away
}

// follow takes in what others have committed.
func (b *Book) follow() error {
	ctx, cancel := context.WithTimeout(b.ctx, reloadLimit)
	defer cancel()
	theirs, err := b.share.store.Follow(ctx)
	if err != nil || theirs == nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.account.follow(theirs); err != nil {
		return err
	}
	if b.handOn(theirs.Wanted) {
		b.wakeUp()
	}
	b.view.Store(b.account.followedView(b.view.Load(), b.Now()))
	return nil
}

// handOn gives leases back that others ask for, and reports whether there are any to
// give: what is being read is not, which the next look finds ended. One that nobody
// here knows of was granted in an answer that never came. The caller holds b.mu.
func (b *Book) handOn(wanted map[string]uint64) bool {
	some := false
	for name, fence := range wanted {
		known := name == Listing && b.share.listing.Fence != 0
		if e, ok := b.account.endpoints[name]; ok {
			known = e.lease.Fence != 0
		}
		switch {
		case known:
			some = b.account.yield(name, b.Now()) || some
		case !b.claims(name):
			b.share.orphans[name] = fence
			some = true
		}
	}
	return some
}

// Refresh waits until what others had committed when it was called is taken in, or
// is known not to be had.
func (b *Book) Refresh(ctx context.Context) error {
	if b.share == nil {
		return nil
	}
	b.mu.Lock()
	b.share.asked++
	want := b.share.asked
	b.mu.Unlock()
	b.wakeUp()
	var failure error
	err := b.await(ctx, func() bool {
		failure = b.failure
		return b.share.followed >= want || failure != nil
	})
	if err != nil {
		return err
	}
	return failure
}

// Followed returns a channel that is closed when something of other processes may
// have been taken in; nil where there are none.
func (b *Book) Followed() <-chan struct{} {
	if b.share == nil {
		return nil
	}
	b.state.Lock()
	defer b.state.Unlock()
	return b.moved
}
