package ledger

import "time"

// What the tests of the whole see of an account, beside what everybody does.

// The numbers of what there is.
const (
	Kinds       = kinds
	States      = stages
	ReasonCount = reasons
)

// EndpointCount returns how many endpoints the account knows.
func (a *Account) EndpointCount() int { return len(a.endpoints) }

// FoldedTypes returns how many events were counted under TypeOther.
func (a *Account) FoldedTypes() uint64 { return a.row.FoldedTypes }

// TypeName returns the label of a type.
func (a *Account) TypeName(id TypeID) string { return a.types.name(id) }

// InMemory returns the account as rows.
func (a *Account) InMemory() *Batch { return inMemory(a) }

// Inside returns the inside of an endpoint.
func (a *Account) Inside(id string) Inside { return Inside{a.endpoints[id]} }

// Inside is what is in an endpoint.
type Inside struct{ e *Endpoint }

// Counted returns the counters as they are, held or not.
func (i Inside) Counted() map[CounterKey]uint64 {
	all := make(map[CounterKey]uint64)
	for key, s := range i.e.counters.rows {
		all[key] = s.value
	}
	return all
}

// Latency returns the latency as it is.
func (i Inside) Latency() (counts LatencyCounts) {
	if i.e.counters.latency != nil {
		counts = i.e.counters.latency.counts
	}
	return counts
}

// Event returns a tracked event.
func (i Inside) Event(id string) (Event, bool) {
	at, ok := i.e.events.find(KeyOf([]byte(id)))
	if !ok {
		return Event{}, false
	}
	return *i.e.events.at(at), true
}

// Tracked returns how many events are tracked.
func (i Inside) Tracked() int { return i.e.events.len() }

// EventID returns the id behind a key.
func (i Inside) EventID(k Key) string { return i.e.events.id(k) }

// Show returns the view of the endpoint, made anew.
func (i Inside) Show(now time.Time) *EndpointView { return i.e.show(now) }

// Kept returns the failure that is kept of an event.
func (i Inside) Kept(created int64, eventID string) (*Failure, bool) {
	return i.e.failures.find(position{created, KeyOf([]byte(eventID))})
}

// Derived is what the account knows beside its rows.
func (a *Account) Derived(now time.Time) *View {
	v := a.View(now)
	for i, e := range v.Endpoints {
		shown := *e
		shown.version, shown.failures = 0, nil
		shown.Counters = nil
		v.Endpoints[i] = &shown
	}
	v.startHeld = false
	return v
}
