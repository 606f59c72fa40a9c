package ledger

import (
	"context"
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
	policy := b.account.policy
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(b.ctx, reloadLimit)
	defer cancel()
	next, err := s.load(ctx, policy)
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
	err = next.check(b.view.Load(), shown.row.Era)
	if err != nil {
		s.heal = &healing{cause: err, shown: shown, since: b.Now()}
		next.reduce = shown.reduce
	} else {
		s.heal = nil
		next.adopt(shown)
		b.view.Store(next.view(b.Now()))
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
	if err := b.account.check(b.view.Load(), heal.shown.row.Era); err != nil {
		heal.cause = err
		if b.account.leads() && b.account.relearned(heal.since) {
			b.account.raise(b.view.Load(), heal.shown)
			b.applied++
			b.wakeUp()
		}
		return
	}
	b.share.heal = nil
	b.account.adopt(heal.shown)
}

// raiseAlone takes the lease where nobody has it and all that is left to do for the state
// is to raise what this process has shown.
func (b *Book) raiseAlone() error {
	b.state.Lock()
	held := b.share.lease.Held
	b.state.Unlock()
	b.mu.Lock()
	heal := b.share.heal
	alone := heal != nil && !held && b.account.relearned(heal.since)
	b.mu.Unlock()
	if !alone {
		return nil
	}
	_, err := b.bid(b.ctx, true)
	return err
}

// relearned reports whether all was asked of the API that could tell what a state which
// was loaded then did not have: every list in full, and each detail that was due.
func (a *Account) relearned(since time.Time) bool {
	if a.row.LastSync.Before(since) {
		return false
	}
	for _, e := range a.endpoints {
		if !e.listed() || !a.selects(e.row.ID) {
			continue
		}
		if e.row.LastFull.Before(since) || len(e.work.busy) > 0 || e.untried > 0 || e.waiting(NewEvents, since) || e.waiting(PendingEvents, since) {
			return false
		}
		if next, ok := e.work.later.first(e.waits); ok && next.at <= since.Unix() {
			return false
		}
	}
	return true
}

// raise raises the counters to what a view of another account has shown, births and
// releases included.
func (a *Account) raise(shown *View, of *Account) {
	a.row.FoldedTypes = max(a.row.FoldedTypes, shown.FoldedTypes)
	a.row.Resets = max(a.row.Resets, shown.Resets)
	a.changedRow = true
	for _, v := range shown.Endpoints {
		was := of.endpoints[v.ID]
		if was == nil || len(v.Counters.Series) == 0 {
			continue
		}
		e := a.ensure(v.ID)
		for _, c := range v.Counters.Series {
			e.raise(a.keyOf(c), c.Value, was.counters[of.keyOf(c)])
		}
		e.raiseLatency(v.Counters.Latency, was.latency)
		e.countHeld()
		e.view, e.last = nil, nil
	}
}

// keyOf returns the key of a counter that is shown.
func (a *Account) keyOf(c Counter) SeriesKey {
	key := SeriesKey{Kind: c.Kind, Code: c.Code, Reason: c.Reason}
	if c.Type != "" {
		key.Type = a.resolveType(c.Type)
	}
	return key
}

func (e *Endpoint) raise(key SeriesKey, least uint64, was *series) {
	s := e.counters[key]
	if was == nil || s != nil && s.value >= least {
		return
	}
	if s == nil {
		s = &series{}
		e.counters[key] = s
	}
	s.Born, s.Released = was.Born, was.Released
	s.value, s.exemplar = least, was.exemplar
	e.changeSeries(key)
}

func (e *Endpoint) raiseLatency(shown *Latency, was *latency) {
	if shown == nil || was == nil {
		return
	}
	if e.latency == nil {
		e.latency = &latency{}
	}
	if raised := e.latency.counts.raised(&shown.Counts); raised.Buckets != e.latency.counts.Buckets {
		e.latency.counts, e.latency.Born, e.latency.Released = raised, was.Born, was.Released
	}
	e.changeLatency()
}
