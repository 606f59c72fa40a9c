package ledger

import "time"

// Relearned reports whether the API was asked for everything that a loaded state could lack:
// every list in full, and each detail that was due.
func (a *Account) Relearned(since time.Time) bool {
	if a.row.LastSync.Before(since) {
		return false
	}
	for _, e := range a.endpoints {
		if !e.listed() || !a.selects(e.row.ID) {
			continue
		}
		if e.row.LastFull.Before(since) || len(e.work.busy) > 0 || e.events.untried > 0 || e.work.waiting(NewEvents, since) || e.work.waiting(PendingEvents, since) {
			return false
		}
		if next, ok := e.work.later.first(e.work.waits); ok && next.at <= since.Unix() {
			return false
		}
	}
	return true
}

// Raise raises the counters to what a view of another account has shown, including births and
// releases.
func (a *Account) Raise(shown *View, of *Account) {
	a.row.FoldedTypes = max(a.row.FoldedTypes, shown.FoldedTypes)
	a.row.Resets = max(a.row.Resets, shown.Resets)
	a.changedRow = true
	for _, v := range shown.Endpoints {
		was := of.endpoints[v.ID]
		if was == nil || len(v.Counters.All) == 0 {
			continue
		}
		e := a.ensure(v.ID)
		for _, c := range v.Counters.All {
			e.counters.raise(a.keyOf(c), c.Value, was.counters.rows[of.keyOf(c)])
		}
		e.counters.raiseLatency(v.Counters.Latency, was.counters.latency)
		e.counters.countHeld()
		e.last = nil
	}
}

// keyOf returns the key of a shown counter.
func (a *Account) keyOf(c Counter) CounterKey {
	key := CounterKey{Kind: c.Kind, Code: c.Code, Reason: c.Reason}
	if c.Type != "" {
		key.Type = a.resolveType(c.Type)
	}
	return key
}

// raise raises a counter to its shown value, with the birth that it had then.
func (c *counters) raise(key CounterKey, least uint64, was *counter) {
	s := c.rows[key]
	if was == nil || s != nil && s.value >= least {
		return
	}
	if s == nil {
		s = &counter{}
		c.rows[key] = s
	}
	s.Born, s.Released = was.Born, was.Released
	s.value, s.exemplar = least, was.exemplar
	c.change(key)
}

func (c *counters) raiseLatency(shown *Latency, was *latency) {
	if shown == nil || was == nil {
		return
	}
	if c.latency == nil {
		c.latency = &latency{}
	}
	if raised := c.latency.counts.raised(&shown.Counts); raised.Buckets != c.latency.counts.Buckets {
		c.latency.counts, c.latency.Born, c.latency.Released = raised, was.Born, was.Released
	}
	c.change(latencyKey)
}
