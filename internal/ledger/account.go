package ledger

import (
	"maps"
	"slices"
	"time"
)

// Policy is what the flags set for the ledger.
type Policy struct {
	Window          time.Duration // how far back events are tracked for the gauges
	Overlap         time.Duration // how far below the stop mark a read goes on
	NoResponseAfter time.Duration // an empty detail counts as no response when asked this long after the first
	Hold            time.Duration // how long a new series is shown at 0; 0 shows every value at once

	// MaxBacklog is how many counted events of the account may wait for an outcome: the
	// oldest beyond it become unresolved. 0 is no limit.
	MaxBacklog int

	// CountSince counts at an endpoint's contact what was created later than so long
	// before the state was made, in a state without one before it. 0 counts nothing.
	CountSince time.Duration

	ShowBody bool // of what receivers answered, which the failures for people then keep

	// Endpoints limits the account to these ids; nil or empty means all. An
	// endpoint named here is never gone.
	Endpoints []string
}

// Account is the ledger of one account. It is not safe for concurrent use: a
// state guards it.
type Account struct {
	policy    Policy
	row       AccountRow
	types     types
	endpoints map[string]*Endpoint
	hold      startHold
	resetNow  bool // this start set a state aside

	stored bool                // the store had it when it was loaded
	shared bool                // other processes may change it: see leads
	fence  uint64              // of the lease under which this process leads; 0 is none
	reduce func(string) string // of URLs, before they are shown; nil for as they are

	backlog    int    // counted events that wait for an outcome
	overflowed uint64 // events that it had no room for

	lines      [classes][]*Endpoint // endpoints that have something to fetch, by class
	clock      int64                // of the last Promote, Unix seconds
	clockSet   int64                // when the clock was last set, by the clock that it has become, Unix seconds
	lastAnswer int64                // when the API last answered for any event, Unix seconds
	folded     uint64               // the row's FoldedTypes at start

	changedRow bool
	marked     []*Endpoint            // with changes since the last batch
	waiting    map[*Endpoint]struct{} // with details to ask for again some time
	emptySince time.Time              // since when the account lists no endpoint, though it had some
	swept      int64                  // when Promote last looked at all endpoints, Unix seconds
	failed     []FailedDelivery       // counted since the last batch
	dropped    []string
	byID       []*Endpoint // nil when it must be sorted anew
}

// New returns the empty ledger of an account, for an API's URL.
func New(apiURL string, policy Policy, now time.Time) *Account {
	a := newAccount(AccountRow{APIURL: apiURL, Created: now}, policy)
	a.changedRow, a.clock = true, now.Unix()
	return a
}

// NewAfter returns the ledger of a new account in the place of a state that was set aside.
func NewAfter(apiURL string, policy Policy, now time.Time) *Account {
	a := New(apiURL, policy, now)
	a.row.Resets, a.resetNow = 1, true
	return a
}

// newAccount returns an account as a row has it.
func newAccount(row AccountRow, policy Policy) *Account {
	a := &Account{
		policy:    policy,
		row:       row,
		types:     newTypes(row.Types, laterTypes),
		endpoints: make(map[string]*Endpoint),
		waiting:   make(map[*Endpoint]struct{}),
		folded:    row.FoldedTypes,
	}
	a.hold.off = policy.Hold == 0
	a.hold.open = a.hold.off
	return a
}

// selects reports whether the flags let the endpoint be synced and shown.
func (a *Account) selects(id string) bool {
	return len(a.policy.Endpoints) == 0 || slices.Contains(a.policy.Endpoints, id)
}

// pins reports whether the endpoint was named by a flag.
func (a *Account) pins(id string) bool { return slices.Contains(a.policy.Endpoints, id) }

// emptyFor is how long an account that had endpoints must list none before that is
// believed.
const emptyFor = 10 * time.Minute

// ensure returns an endpoint, which it makes if needed.
func (a *Account) ensure(id string) *Endpoint {
	e, ok := a.endpoints[id]
	if !ok {
		e = newEndpoint(a, EndpointRow{ID: id})
		e.changeRow()
		a.endpoints[id] = e
		a.byID = nil
	}
	return e
}

// Pin adds the endpoints that the flags name, in case the account cannot be listed. In a
// shared account only the process that leads does.
func (a *Account) Pin() {
	if !a.Leads() {
		return
	}
	for _, id := range a.policy.Endpoints {
		a.ensure(id)
	}
}

// ToRead returns the endpoints whose lists a sync reads, least recently read first. One
// that a flag names is among them before anything is known of it.
func (a *Account) ToRead() []string {
	var ids []string
	for _, id := range a.policy.Endpoints {
		if a.endpoints[id] == nil {
			ids = append(ids, id)
		}
	}
	var known []*Endpoint
	for _, e := range a.sorted() {
		if e.listed() && a.selects(e.row.ID) {
			known = append(known, e)
		}
	}
	slices.SortStableFunc(known, func(x, y *Endpoint) int { return x.row.LastRead.Compare(y.row.LastRead) })
	for _, e := range known {
		ids = append(ids, e.row.ID)
	}
	return ids
}

// Synced notes the end of a sync that succeeded for every endpoint.
func (a *Account) Synced(now time.Time) {
	if !a.Leads() {
		return
	}
	a.row.LastSync = now
	a.changedRow = true
}

// Policy returns what the flags say.
func (a *Account) Policy() Policy { return a.policy }

// ReduceURLsAs reduces the URLs as another account does.
func (a *Account) ReduceURLsAs(o *Account) { a.reduce = o.reduce }

// ReduceURLs passes every endpoint's stored URL through reduce: the state can hold more of
// it than the flags now allow.
func (a *Account) ReduceURLs(reduce func(string) string) {
	a.reduce = reduce
	for _, e := range a.endpoints {
		if a.Leads() {
			e.reduceURL()
		}
		e.last = nil
	}
}

func (a *Account) resolveType(raw string) TypeID {
	id, grew := a.types.resolve(raw)
	if grew {
		a.row.Types = a.types.rows()
		a.changedRow = true
	}
	return id
}

func (a *Account) countFolded() {
	a.row.FoldedTypes++
	a.changedRow = true
}

// sorted returns the endpoints in order of id.
func (a *Account) sorted() []*Endpoint {
	if a.byID == nil {
		for _, id := range slices.Sorted(maps.Keys(a.endpoints)) {
			a.byID = append(a.byID, a.endpoints[id])
		}
	}
	return a.byID
}

// ClockSet notes that the clock has jumped to a time. Nobody knows how long the pending
// events have really waited, so their wait begins anew: no pending delivery becomes a
// failure by the clock alone.
func (a *Account) ClockSet(to time.Time) { a.clockSet = to.Unix() }
