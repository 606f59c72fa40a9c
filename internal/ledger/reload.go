package ledger

import "fmt"

// Adopt makes a newly loaded account continue from an older one of the same process: what was
// shown, and for how long, belongs to the process. The older one must not be used afterwards.
func (a *Account) Adopt(old *Account) {
	a.overflowed = old.overflowed
	a.hold, a.folded, a.reduce, a.clock = old.hold, old.folded, old.reduce, old.clock
	for id, e := range a.endpoints {
		was, known := old.endpoints[id]
		if known {
			e.counters.adopt(&was.counters)
			e.version = was.version + 1
		} else {
			e.counters.adopt(new(counters))
		}
		e.last = nil
	}
	for _, e := range old.endpoints {
		e.dropped = true
	}
}

// Check returns an error that wraps [ErrWentBack] if a view of an earlier account showed more
// than this one has, because the state is an older one. After an intended reset that is fine.
func (a *Account) Check(shown *View, of *Account) error {
	if a.row.Era != of.row.Era {
		return nil
	}
	if a.row.FoldedTypes < shown.FoldedTypes || a.row.Resets < shown.Resets {
		return fmt.Errorf("%w: it counts fewer events than were shown", ErrWentBack)
	}
	for _, v := range shown.Endpoints {
		e, ok := a.endpoints[v.ID]
		if !ok {
			if len(v.Counters.All) == 0 {
				continue
			}
			return fmt.Errorf("%w: it does not know endpoint %q", ErrWentBack, v.ID)
		}
		if err := e.counters.check(v.Counters); err != nil {
			return err
		}
	}
	return nil
}

// check returns an error if more was shown than these counters have.
func (c *counters) check(shown *Counters) error {
	for _, row := range shown.All {
		key := CounterKey{Kind: row.Kind, Code: row.Code, Reason: row.Reason}
		if row.Type != "" {
			id, ok := c.endpoint.account.types.ids[row.Type]
			if !ok && row.Value > 0 {
				return fmt.Errorf("%w: it does not know event type %q", ErrWentBack, row.Type)
			}
			key.Type = id
		}
		s := c.rows[key]
		switch {
		case s == nil && row.Value > 0:
			return fmt.Errorf("%w: a counter of endpoint %q is missing", ErrWentBack, c.endpoint.row.ID)
		case s != nil && s.value < row.Value:
			return fmt.Errorf("%w: a counter of endpoint %q is %d, it was shown as %d", ErrWentBack, c.endpoint.row.ID, s.value, row.Value)
		}
	}
	if shown.Latency != nil && shown.Latency.Counts.below() != (LatencyCounts{}).below() {
		if c.latency == nil || c.latency.counts.raised(&shown.Latency.Counts).Buckets != c.latency.counts.Buckets {
			return fmt.Errorf("%w: the latency of endpoint %q has fewer observations than were shown", ErrWentBack, c.endpoint.row.ID)
		}
	}
	return nil
}

// below returns the number of observations up to each bound, and of all of them last.
func (c LatencyCounts) below() (n [len(latencyBounds) + 1]uint64) {
	sum := uint64(0)
	for i, more := range c.Buckets {
		sum += more
		n[i] = sum
	}
	return n
}

// raised returns counts with the larger number of observations up to each bound.
func (c LatencyCounts) raised(o *LatencyCounts) LatencyCounts {
	a, b := c.below(), o.below()
	before := uint64(0)
	for i := range a {
		limit := max(a[i], b[i])
		c.Buckets[i], before = limit-before, limit
	}
	c.Sum = max(c.Sum, o.Sum)
	return c
}
