package ledger

import "fmt"

// Adopt makes an account that was just loaded go on where an older one of the same
// process stood: what was shown, and for how long, belongs to the process. The older
// one is of no use after that.
func (a *Account) Adopt(old *Account) {
	a.overflowed = old.overflowed
	a.hold, a.folded, a.reduce, a.clock = old.hold, old.folded, old.reduce, old.clock
	for id, e := range a.endpoints {
		was, known := old.endpoints[id]
		for key, s := range e.counters {
			var before *counter
			if known {
				before = was.counters[key]
			}
			if before == nil {
				s.loaded, s.heldHere = 0, s.Released && !a.hold.off
				continue
			}
			s.adopt(&before.Birth, a.hold.off)
			s.loaded = before.loaded
		}
		if l := e.latency; l != nil {
			if known && was.latency != nil {
				l.adopt(&was.latency.Birth, a.hold.off)
				l.loaded = was.latency.loaded
			} else {
				l.loaded, l.heldHere = LatencyCounts{}, l.Released && !a.hold.off
			}
		}
		if known {
			e.version = was.version + 1
		}
		e.countHeld()
		e.view, e.last = nil, nil
	}
	for _, e := range old.endpoints {
		e.dropped = true
	}
}

// adopt takes over what this process has shown of a counter. One that began anew
// begins anew here too.
func (b *Birth) adopt(before *Birth, off bool) {
	if !b.Born.Equal(before.Born) {
		b.heldHere = b.Released && !off
		return
	}
	b.shown = before.shown
	b.heldHere = b.Released && before.held() && !off
}

// Check returns an error that wraps [ErrWentBack] where a view of an earlier account showed
// more than this one has: the state is an older one. After a reset on purpose it may be.
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
		if err := e.check(v.Counters); err != nil {
			return err
		}
	}
	return nil
}

func (e *Endpoint) check(shown *Counters) error {
	for _, c := range shown.All {
		key := CounterKey{Kind: c.Kind, Code: c.Code, Reason: c.Reason}
		if c.Type != "" {
			id, ok := e.account.types.ids[c.Type]
			if !ok && c.Value > 0 {
				return fmt.Errorf("%w: it does not know event type %q", ErrWentBack, c.Type)
			}
			key.Type = id
		}
		s := e.counters[key]
		switch {
		case s == nil && c.Value > 0:
			return fmt.Errorf("%w: a counter of endpoint %q is missing", ErrWentBack, e.row.ID)
		case s != nil && s.value < c.Value:
			return fmt.Errorf("%w: a counter of endpoint %q is %d, it was shown as %d", ErrWentBack, e.row.ID, s.value, c.Value)
		}
	}
	if shown.Latency != nil && shown.Latency.Counts.below() != (LatencyCounts{}).below() {
		if e.latency == nil || e.latency.counts.raised(&shown.Latency.Counts).Buckets != e.latency.counts.Buckets {
			return fmt.Errorf("%w: the latency of endpoint %q has fewer observations than were shown", ErrWentBack, e.row.ID)
		}
	}
	return nil
}

// below returns how many observations are not above each bound, all of them last.
func (c LatencyCounts) below() (n [len(latencyBounds) + 1]uint64) {
	sum := uint64(0)
	for i, more := range c.Buckets {
		sum += more
		n[i] = sum
	}
	return n
}

// raised returns the counts with as many observations up to each bound as either has.
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
