package ledger

import (
	"fmt"
	"slices"
)

// Follow applies what another replica has committed. An error means that it does not fit this
// account, which must then be loaded again.
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
		if !e.events.same(r) {
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
		e.traces.set(r)
	}
	for e, rows := range touched {
		if err := e.events.follow(rows); err != nil {
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

// followed ends a Follow for an endpoint whose rows changed.
func (e *Endpoint) followed() {
	e.counters.countHeld()
	e.failures.shown, e.last = nil, nil
	e.version++
}
