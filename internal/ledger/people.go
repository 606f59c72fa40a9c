package ledger

import (
	"cmp"
	"slices"
)

// Known is what is known about a tracked event, for people who look it up. Times are Unix
// seconds.
type Known struct {
	EndpointID string
	EventID    string
	Type       string // the label
	Event
}

// Failures returns the failures kept for people, newest first. They are shared and must not
// be changed.
func (v *EndpointView) Failures() []*Failure { return v.failures }

// Hours returns, in order, the hours in which the endpoint's tracked events were created, as
// of now, which can be a commit ahead of a view.
func (a *Account) Hours(endpointID string) []Hour {
	e, ok := a.endpoints[endpointID]
	if !ok {
		return nil
	}
	return e.events.hours.all()
}

// Pending returns up to this many Pending events of the endpoint, oldest first, as of now.
func (a *Account) Pending(endpointID string, limit int) []Known {
	e, ok := a.endpoints[endpointID]
	if !ok {
		return nil
	}
	waiting := make([]ranked, 0, len(e.events.oldestWait.rows))
	belongs := e.events.inStage(Pending)
	for _, r := range e.events.oldestWait.rows {
		if belongs(r) {
			waiting = append(waiting, r)
		}
	}
	slices.SortFunc(waiting, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.slot, b.slot))
	})
	waiting = slices.Compact(waiting) // a queue can contain a slot twice
	waiting = waiting[:min(len(waiting), limit)]
	known := make([]Known, len(waiting))
	for n, r := range waiting {
		known[n] = e.known(r.slot)
	}
	return known
}

// Events returns what every endpoint that tracks an event knows about it, in order of the
// endpoints' ids, as of now.
func (a *Account) Events(eventID string) []Known {
	key := KeyOf([]byte(eventID))
	var known []Known
	for _, e := range a.sorted() {
		if i, ok := e.events.find(key); ok && e.row.Gone.IsZero() && a.selects(e.row.ID) {
			known = append(known, e.known(i))
		}
	}
	return known
}

func (e *Endpoint) known(i slot) Known {
	ev := *e.events.at(i)
	return Known{EndpointID: e.row.ID, EventID: e.events.id(ev.Key), Type: e.account.types.name(ev.Type), Event: ev}
}
