package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// ErrFollows is returned for what only the process that leads may do.
var ErrFollows = errors.New("this replica does not lead")

// Carry sets what goes with the lease from process to process. It is called before
// anything else.
func (b *Book) Carry(l Limits) {
	if b.share != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.share.limits = l
	}
}

// Shared reports whether other processes may have the state open.
func (b *Book) Shared() bool { return b.share != nil }

// Lead makes this process the one that works on the account, until [Book.Synced] or
// [Book.Yield]. The context that it returns ends when the lease is lost. It is nil where
// there is nothing to do here: another process leads, and was asked for a sync if it is
// time for one. A state of this process's own is always led, until it is closed.
func (b *Book) Lead(ctx context.Context) (lead context.Context, err error) {
	s := b.share
	switch {
	case b.ctx.Err() != nil:
		return nil, errClosed
	case s == nil:
		return b.ctx, nil
	}
	if err := s.take(ctx); err != nil {
		return nil, err
	}
	defer func() { <-s.turn }()
	defer b.wakeUp()
	if lead := b.join(); lead != nil {
		return lead, nil
	}
	if s.suspect != nil {
		if err := b.reload(s.suspect); err != nil {
			b.report(err, 0)
			return nil, err
		}
	}
	lease, err := b.bid(ctx, false)
	if err == nil && lease.free() { // it was given back in the midst of the bid
		lease, err = b.bid(ctx, false)
	}
	if err != nil {
		b.report(err, 0)
		return nil, err
	}
	b.state.Lock()
	s.target = 0
	if !lease.Ours && lease.Held && lease.Asked > lease.Sync.Number {
		s.target = lease.Asked
	}
	b.state.Unlock()
	return b.join(), nil
}

// join keeps the lease for one more sync, and returns nil where this process has none.
func (b *Book) join() context.Context {
	b.mu.Lock()
	defer b.mu.Unlock()
	lead := b.share.leading()
	if lead != nil {
		b.share.working++
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

// bid asks for the lease, and begins to lead where it is granted. work says that it is
// wanted for more than a sync.
func (b *Book) bid(ctx context.Context, work bool) (Lease, error) {
	s, sent := b.share, time.Now()
	b.state.Lock()
	bid := Bid{
		Silent: s.beat.after(LeaseFor, sent), Rested: s.rest.after(s.lease.Sync.Rest, sent),
		Work: work, Unfit: sent.Before(s.unfit),
	}
	b.state.Unlock()
	lease, theirs, err := s.store.Lead(ctx, bid)
	if err == nil {
		err = b.takeIn(theirs)
	}
	if needsLoad(err) {
		err = b.reload(err)
	}
	if err != nil {
		return lease, err
	}
	defer b.heard(lease, sent)
	b.mu.Lock()
	seq := b.applied
	b.mu.Unlock()
	b.show(seq)
	if !lease.Ours {
		return lease, nil
	}
	s.clock.told(lease.Now, sent, time.Now())
	s.acked = sent
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.limits != nil && lease.Limits != nil {
		s.limits.Restore(lease.Limits, max(0, lease.Now.Sub(lease.Limited)))
	}
	b.account.Lead(lease.Fence, b.Now())
	s.yield, s.working, s.ended = false, 0, nil
	ctx, end := context.WithCancel(b.ctx)
	s.surely(sent)
	s.term.Store(&term{ctx, end})
	return lease, nil
}

// surely notes a sign of life that was sent then, and acknowledged.
func (s *share) surely(sent time.Time) {
	until := sent.Add(sureFor)
	s.sure.Store(&until)
}

// Leads returns nil while no other process can lead.
func (b *Book) Leads() error {
	if b.share == nil {
		return nil
	}
	if until := b.share.sure.Load(); until == nil || !time.Now().Before(*until) {
		return ErrFollows
	}
	return nil
}

// MayCall returns nil where a call of the API may go: what is asked last before each.
func (b *Book) MayCall(ctx context.Context) error {
	if ctx.Value(followersCall{}) != nil {
		return nil
	}
	return b.Leads()
}

type followersCall struct{}

// FollowersCall returns the context of a call of the API that does not wait until this
// process leads. The call obeys what the API has asked of the one that leads, as far as
// that is known here.
func (b *Book) FollowersCall(ctx context.Context) context.Context {
	s := b.share
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.Lock()
	lease, looked := s.lease, s.looked
	b.state.Unlock()
	if s.leading() == nil && s.limits != nil && lease.Limits != nil {
		s.limits.Restore(lease.Limits, max(0, lease.Now.Sub(lease.Limited)+time.Since(looked)))
	}
	return context.WithValue(ctx, followersCall{}, true)
}

// Leading waits until this process leads, and returns the context of that.
func (b *Book) Leading(ctx context.Context) (context.Context, error) {
	if b.share == nil {
		return b.ctx, ctx.Err()
	}
	var lead context.Context
	err := b.await(ctx, func() bool {
		lead = b.share.leading() //nolint:fatcontext // it is no child of the one before
		return lead != nil
	})
	return lead, err
}

// Keep keeps the lease until the returned function is called.
func (b *Book) Keep() (done func()) {
	if b.share == nil {
		return func() {}
	}
	b.mu.Lock()
	lead := b.share.leading()
	if lead != nil {
		b.share.working++
	}
	b.mu.Unlock()
	return func() { b.leave(lead, nil, false) }
}

// leave ends what keeps the lease, if it is still the one of that context.
func (b *Book) leave(lead context.Context, ended *SyncRecord, yield bool) {
	b.mu.Lock()
	s := b.share
	if lead != nil && s.leading() == lead {
		s.working--
		s.yield = s.yield || yield
		if ended != nil {
			s.ended = ended
		}
		b.applied++
	}
	b.mu.Unlock()
	b.wakeUp()
}

// Synced ends what Lead began with a sync, of which the other processes are told once
// all of it is durable. The lease is given back when nothing is due soon.
func (b *Book) Synced(lead context.Context, r SyncRecord) {
	if b.share != nil {
		b.leave(lead, &r, false)
	}
}

// Yield ends what Lead began over a trouble of this process's own: the others are told
// nothing, and as long as one of them syncs well, this one does not lead for a while.
func (b *Book) Yield(lead context.Context, unfit time.Duration) {
	if b.share == nil {
		return
	}
	b.state.Lock()
	b.share.unfit = time.Now().Add(unfit)
	b.state.Unlock()
	b.leave(lead, nil, true)
}

// Await waits until the sync that Lead has asked another process for has ended, and all
// of it is known here, as is all that any process has shown before since. It returns
// [ErrFollows] where that process is not heard of any more: it is time to lead.
func (b *Book) Await(ctx context.Context, since time.Time) error {
	s := b.share
	if s == nil {
		return nil
	}
	b.lookAnew(since)
	var synced, gone bool
	var failure error
	err := b.await(ctx, func() bool {
		if failure = b.failure; errors.Is(failure, ErrWentBack) {
			failure = nil
		}
		synced = s.lease.Sync.Number >= s.target
		gone = !synced && (!s.lease.Held || !s.lease.Now.Before(s.lease.Beat.Add(LeaseFor)))
		return failure != nil || gone || synced && (!s.looked.Before(since) || b.Leads() == nil && !s.sentBefore(since))
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

// sentBefore reports whether a commit is under way that was begun before then. The caller
// holds Book.state.
func (s *share) sentBefore(then time.Time) bool {
	return !s.sending.IsZero() && s.sending.Before(then)
}

// lookAnew makes the committer look at the state at once, unless it has since then, or
// this process leads: what a leader shows is all that there is.
func (b *Book) lookAnew(since time.Time) {
	if b.Leads() == nil {
		return
	}
	b.state.Lock()
	b.share.wanted = later(b.share.wanted, since)
	b.state.Unlock()
	b.wakeUp()
}

// LastSync returns the last sync that is known of, whichever process made it; the zero
// value where the state is this process's own.
func (b *Book) LastSync() SyncRecord {
	if b.share == nil {
		return SyncRecord{}
	}
	b.state.Lock()
	defer b.state.Unlock()
	return b.share.lease.Sync
}

// Moved returns a channel that is closed when something may have been taken in of what
// another process does; nil where there is none.
func (b *Book) Moved() (moved <-chan struct{}, led bool) {
	if b.share == nil {
		return nil, true
	}
	b.state.Lock()
	defer b.state.Unlock()
	return b.moved, b.share.lease.Held
}

// Watch notes that a scrape waits, until the returned function is called: meanwhile this
// process looks often at what another one does.
func (b *Book) Watch() (done func()) {
	s := b.share
	if s == nil {
		return func() {}
	}
	add := func(n int) {
		b.state.Lock()
		s.watchers += n
		s.watched = time.Now()
		b.state.Unlock()
		b.wakeUp()
	}
	add(1)
	return func() { add(-1) }
}

// Asked returns a channel that tells while this process leads that another one asks for a
// sync; nil where there is none.
func (b *Book) Asked() <-chan struct{} {
	if b.share == nil {
		return nil
	}
	return b.share.asked
}

// Wanted reports whether another process asks for a sync that was not made yet.
func (b *Book) Wanted() bool {
	b.state.Lock()
	defer b.state.Unlock()
	return b.share.lease.Asked > b.share.lease.Sync.Number
}

// commitLed commits what this process has changed, which is its sign of life as well.
// Where there is no hurry, changes wait for the next one.
func (b *Book) commitLed(look bool) error {
	s := b.share
	b.state.Lock()
	hurry, scraped := s.flushing > 0, s.watchers > 0 || time.Since(s.watched) < scrapedFor
	b.state.Unlock()
	b.mu.Lock()
	rests := s.working == 0 && (s.yield || s.ended != nil && !scraped || b.account.Rests(b.Now()))
	if !look && !hurry && !rests {
		b.mu.Unlock()
		return nil
	}
	b.healed()
	// The view is of what the batch makes durable: more may be applied meanwhile.
	batch, seq := b.account.Batch(), b.applied
	next := b.account.View(b.Now())
	batch.Release, batch.Sync, s.ended = rests, s.ended, nil
	if rests {
		b.endLead()
	}
	if s.limits != nil {
		batch.Limits = s.limits.State(rests)
	}
	b.mu.Unlock()
	defer b.sends()()
	lease, sent, err := b.tell(batch)
	if err != nil {
		return err
	}
	if !rests {
		s.surely(sent)
	}
	s.acked = sent
	b.mu.Lock()
	b.showDurable(next, seq)
	b.mu.Unlock()
	b.heard(lease, sent)
	if lease.Asked > lease.Sync.Number && !rests {
		select {
		case s.asked <- struct{}{}:
		default:
		}
	}
	return nil
}

// sends notes that a commit is under way, until the returned function is called: another
// process may show what it holds before this one knows that it is durable.
func (b *Book) sends() (done func()) {
	note := func(at time.Time) {
		b.state.Lock()
		defer b.state.Unlock()
		b.share.sending = at
		close(b.moved)
		b.moved = make(chan struct{})
	}
	note(time.Now())
	return func() { note(time.Time{}) }
}

// tell tries a batch until it is durable, the lease must have ended, or the account must
// be loaded anew.
func (b *Book) tell(batch *Batch) (lease Lease, sent time.Time, err error) {
	s := b.share
	wait := backoff.ExponentialBackOff{InitialInterval: 50 * time.Millisecond, RandomizationFactor: 0.2, Multiplier: 2, MaxInterval: time.Second}
	wait.Reset()
	for {
		sent = time.Now()
		end := s.acked.Add(LeaseFor)
		ctx, cancel := context.WithDeadline(b.ctx, later(end, sent.Add(time.Second)))
		lease, err = s.store.Tell(ctx, batch)
		cancel()
		switch {
		case err == nil:
			if !batch.Empty() {
				b.watcher.Committed(time.Since(sent))
			}
			if report := b.failed.Load(); report != nil && len(batch.Failed) > 0 {
				(*report)(batch.Failed)
			}
			return lease, sent, nil
		case needsLoad(err) || b.ctx.Err() != nil:
			return lease, sent, err
		case !time.Now().Before(end):
			b.state.Lock()
			s.unfit = time.Now().Add(scrapedFor)
			b.state.Unlock()
			return lease, sent, fmt.Errorf("%w: nothing could be written for %v, the lease has ended: %w", ErrOvertaken, LeaseFor, err)
		}
		b.watcher.CommitFailed(err)
		b.report(err, 0)
		retry := time.NewTimer(wait.NextBackOff())
		select {
		case <-retry.C:
		case <-b.ctx.Done():
			retry.Stop()
			return lease, sent, b.ctx.Err()
		}
	}
}

// endLead ends the lead as far as this process is concerned. The caller holds b.mu.
func (b *Book) endLead() {
	s := b.share
	b.account.Resign()
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
