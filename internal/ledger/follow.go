package ledger

import (
	"fmt"
	"slices"
)

// Follow takes in what other processes have committed. An error means that the two do
// not fit together, and that the account must be loaded anew.
func (a *Account) Follow(b *Batch) error {
	if b.Account != nil {
		if err := a.followRow(*b.Account); err != nil {
			return err
		}
	}
	touched := make(map[*Endpoint][]EventRow)
	for i := range b.Endpoints {
		a.followEndpoint(b.Endpoints[i], touched)
	}
	theirs := func(id string) (*Endpoint, error) {
		e, ok := a.endpoints[id]
		if !ok {
			return nil, fmt.Errorf("%w: a row of an unknown endpoint %q", ErrOvertaken, id)
		}
		if _, ok := touched[e]; !ok {
			touched[e] = nil
		}
		return e, nil
	}
	for _, r := range b.Series {
		e, err := theirs(r.Endpoint)
		if err != nil {
			return err
		}
		if err := e.followSeries(r); err != nil {
			return err
		}
	}
	for _, r := range b.Latencies {
		e, err := theirs(r.Endpoint)
		if err != nil {
			return err
		}
		e.followLatency(r)
	}
	for _, r := range b.Events {
		e, err := theirs(r.Endpoint)
		if err != nil {
			return err
		}
		if !e.same(r) {
			touched[e] = append(touched[e], r)
		}
	}
	for _, r := range b.Failures {
		e, err := theirs(r.Endpoint)
		if err != nil {
			return err
		}
		e.kept.set(position{r.Time, r.Key}, r.Failure)
	}
	for _, r := range b.Traces {
		e, err := theirs(r.Endpoint)
		if err != nil {
			return err
		}
		e.setTrace(r)
	}
	for e, rows := range touched {
		if err := e.followEvents(rows); err != nil {
			return err
		}
		e.followed()
	}
	return nil
}

func (a *Account) followRow(theirs AccountRow) error {
	if theirs.APIURL != a.row.APIURL {
		return fmt.Errorf("%w: it is for another --api.url", ErrOvertaken)
	}
	known := len(a.row.Types)
	if len(theirs.Types) < known || !slices.Equal(a.row.Types, theirs.Types[:known]) {
		return fmt.Errorf("%w: it has admitted other event types", ErrOvertaken)
	}
	for _, name := range theirs.Types[known:] {
		a.types.admit(name)
	}
	a.row = theirs
	return nil
}

func (a *Account) followEndpoint(r EndpointRow, touched map[*Endpoint][]EventRow) {
	e, ok := a.endpoints[r.ID]
	if ok {
		e.row = r
	} else {
		e = newEndpoint(a, r)
		a.endpoints[r.ID] = e
		a.byID = nil
	}
	touched[e] = nil
}

// followSeries takes a counter in. One that is new here and released there is held
// here all the same.
func (e *Endpoint) followSeries(r SeriesRow) error {
	s, ok := e.counters[r.Key]
	if !ok {
		s = &series{Birth: Birth{late: r.Released && !e.account.gate.off}}
		e.counters[r.Key] = s
	}
	if ok && s.Born.Equal(r.Born) && r.Value < s.value {
		return fmt.Errorf("%w: counter %+v of endpoint %q is %d, it was %d", ErrWentBack, r.Key, r.Endpoint, r.Value, s.value)
	}
	s.released(r.Released, ok && !e.account.gate.off)
	s.Born, s.value, s.exemplar = r.Born, r.Value, r.Exemplar
	return nil
}

func (e *Endpoint) followLatency(r LatencyRow) {
	known := e.latency != nil
	if !known {
		e.latency = &latency{Birth: Birth{late: r.Released && !e.account.gate.off}}
	}
	e.latency.released(r.Released, known && !e.account.gate.off)
	e.latency.Born, e.latency.counts = r.Born, r.Counts
}

// released takes in that another process has released a counter, which was known
// here, and held.
func (b *Birth) released(released, heldHere bool) {
	if released && !b.Released && heldHere {
		b.late = true
	}
	b.Released = released
}

// same reports whether a row says of its slot what is known already.
func (e *Endpoint) same(r EventRow) bool {
	if r.Slot >= e.slab.used {
		return r.Event.State == Free
	}
	return *e.slab.at(r.Slot) == r.Event && e.relists[r.Slot] == r.Relisted
}

// followEvents puts rows into their slots. Those that another event is in, or that
// are freed, are emptied first: the order is by what the slots hold.
func (e *Endpoint) followEvents(rows []EventRow) error {
	var out map[slot]struct{}
	for _, r := range rows {
		if r.Slot >= MaxSlots || r.Event.State >= states || !e.account.types.has(r.Event.Type) {
			return fmt.Errorf("%w: event in slot %d of endpoint %q", ErrOvertaken, r.Slot, r.Endpoint)
		}
		if r.Slot < e.slab.used && e.slab.at(r.Slot).State != Free && e.slab.at(r.Slot).Key != r.Event.Key {
			if out == nil {
				out = make(map[slot]struct{})
			}
			out[r.Slot] = struct{}{}
		}
	}
	if out != nil {
		e.order.remove(out)
		for i := range out {
			ev := e.slab.at(i)
			e.tally(i, -1)
			delete(e.ids, ev.Key)
			delete(e.relists, i)
			e.slab.remove(i)
		}
	}
	for _, r := range rows {
		if r.Event.State == Free {
			continue
		}
		if err := e.followEvent(r); err != nil {
			return err
		}
	}
	return nil
}

func (e *Endpoint) followEvent(r EventRow) error {
	if r.Slot < e.slab.used && e.slab.at(r.Slot).State != Free {
		was := e.slab.at(r.Slot).State
		e.tally(r.Slot, -1)
		*e.slab.at(r.Slot) = r.Event
		e.tally(r.Slot, 1)
		if r.Event.State != was {
			e.age(r.Slot)
		}
		e.schedule(r.Slot)
	} else {
		if !e.slab.put(r.Slot, r.Event) {
			return fmt.Errorf("%w: an event of endpoint %q is in two places", ErrOvertaken, r.Endpoint)
		}
		e.order.add(r.Slot)
		e.enter(r.Slot)
	}
	if r.ID != "" {
		e.ids[r.Event.Key] = r.ID
	}
	if r.Relisted != 0 {
		e.relists[r.Slot] = r.Relisted
	}
	return nil
}

// followed ends the taking in of an endpoint's rows.
func (e *Endpoint) followed() {
	e.countHeld()
	e.view, e.keptView, e.last = nil, nil, nil
	e.version++
}
