package ledger

import "time"

// Access for the tests in other packages.

// Numbers of types, stages and kinds.
const (
	Kinds       = kinds
	States      = stages
	ReasonCount = reasons
)

// EndpointCount returns the number of known endpoints.
func (a *Account) EndpointCount() int { return len(a.endpoints) }

// FoldedTypes returns the number of events counted under TypeOther.
func (a *Account) FoldedTypes() uint64 { return a.row.FoldedTypes }

// TypeName returns the label of a type.
func (a *Account) TypeName(id TypeID) string { return a.types.name(id) }

// InMemory returns the rows of the account.
func (a *Account) InMemory() *Batch { return inMemory(a) }

// Inside gives access to the unexported parts of an endpoint.
func (a *Account) Inside(id string) Inside { return Inside{a.endpoints[id]} }

// Inside is an endpoint with its unexported parts.
type Inside struct{ e *Endpoint }

// Counted returns the counted values, held or not.
func (i Inside) Counted() map[CounterKey]uint64 {
	all := make(map[CounterKey]uint64)
	for key, s := range i.e.counters.rows {
		all[key] = s.value
	}
	return all
}

// Latency returns the counted latencies, held or not.
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

// Tracked returns the number of tracked events.
func (i Inside) Tracked() int { return i.e.events.len() }

// EventID returns the event id of a key.
func (i Inside) EventID(k Key) string { return i.e.events.id(k) }

// Show returns a new view of the endpoint.
func (i Inside) Show(now time.Time) *EndpointView { return i.e.show(now) }

// Kept returns the logged failure of an event.
func (i Inside) Kept(created int64, eventID string) (*Failure, bool) {
	return i.e.failures.find(position{created, KeyOf([]byte(eventID))})
}

// Derived returns what the account derives from its rows.
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
