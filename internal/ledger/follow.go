package ledger

import (
	"fmt"
	"slices"
)

// Follow applies what another replica has committed. An error means that it does not fit
// this account, which must then be loaded anew.
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
	for _, r := range b.Counters {
		e, err := theirs(r.Endpoint)
		if err != nil {
			return err
		}
		if err := e.counters.follow(r); err != nil {
			return err
		}
	}
	for _, r := range b.Latencies {
		e, err := theirs(r.Endpoint)
		if err != nil {
			return err
		}
		e.counters.followLatency(r)
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
		e.failures.set(position{r.Time, r.Key}, r.Failure)
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

// same reports whether a row changes nothing in its slot.
func (e *Endpoint) same(r EventRow) bool {
	if r.Slot >= e.table.used {
		return r.Event.Stage == Free
	}
	return *e.table.at(r.Slot) == r.Event && e.relists[r.Slot] == r.Relisted
}

// followEvents puts rows into their slots. It first empties the slots that another event
// holds or that are freed, because the order depends on what the slots hold.
func (e *Endpoint) followEvents(rows []EventRow) error {
	var out map[slot]struct{}
	for _, r := range rows {
		if r.Slot >= MaxSlots || r.Event.Stage >= stages || !e.account.types.has(r.Event.Type) {
			return fmt.Errorf("%w: event in slot %d of endpoint %q", ErrOvertaken, r.Slot, r.Endpoint)
		}
		if r.Slot < e.table.used && e.table.at(r.Slot).Stage != Free && e.table.at(r.Slot).Key != r.Event.Key {
			if out == nil {
				out = make(map[slot]struct{})
			}
			out[r.Slot] = struct{}{}
		}
	}
	if out != nil {
		e.order.remove(out)
		for i := range out {
			ev := e.table.at(i)
			e.tally(i, -1)
			delete(e.ids, ev.Key)
			delete(e.relists, i)
			e.table.remove(i)
		}
	}
	for _, r := range rows {
		if r.Event.Stage == Free {
			continue
		}
		if err := e.followEvent(r); err != nil {
			return err
		}
	}
	return nil
}

func (e *Endpoint) followEvent(r EventRow) error {
	if r.Slot < e.table.used && e.table.at(r.Slot).Stage != Free {
		was := e.table.at(r.Slot).Stage
		e.tally(r.Slot, -1)
		*e.table.at(r.Slot) = r.Event
		e.tally(r.Slot, 1)
		if r.Event.Stage != was {
			e.age(r.Slot)
		}
		e.schedule(r.Slot)
	} else {
		if !e.table.put(r.Slot, r.Event) {
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

// followed ends a Follow for an endpoint whose rows changed.
func (e *Endpoint) followed() {
	e.counters.countHeld()
	e.failuresView, e.last = nil, nil
	e.version++
}
