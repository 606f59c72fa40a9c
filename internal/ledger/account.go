package ledger

import (
	"maps"
	"slices"
	"time"
)

// Policy is the ledger's part of the configuration.
type Policy struct {
	Window          time.Duration // how far back events are tracked for the gauges
	Overlap         time.Duration // how far a read continues below the stop mark
	NoResponseAfter time.Duration // an empty detail counts as no response when asked this long after the first
	Hold            time.Duration // how long a new series is shown at 0; 0 shows every value at once

	// MaxBacklog is the maximum number of counted events of the account that wait for an
	// outcome. The oldest events beyond it become unresolved. 0 is no limit.
	MaxBacklog int

	// CountSince makes an endpoint's contact count events that were created at most this long
	// before the state, unless the state follows another one. 0 counts nothing.
	CountSince time.Duration

	ShowBody bool // keep receivers' answers with the failures for people

	// Endpoints limits the account to these ids; nil or empty means all. An endpoint named
	// here never disappears.
	Endpoints []string
}

// Account is the ledger of one account. It is not safe for concurrent use; a state guards it.
type Account struct {
	policy    Policy
	row       AccountRow
	types     types
	endpoints map[string]*Endpoint
	hold      startHold
	resetNow  bool // this start set a state aside

	stored bool                // whether the store had it when it was loaded
	shared bool                // other replicas can change it, see Leads
	fence  uint64              // of the lease under which this replica leads; 0 for none
	reduce func(string) string // of URLs before they are shown; nil to show them unchanged

	backlog    int    // counted events that wait for an outcome
	overflowed uint64 // events that the backlog had no room for

	lines      [classes][]*Endpoint // endpoints with something to fetch, by class
	clock      int64                // of the last Promote, Unix seconds
	clockSet   int64                // when the clock was last set, by its new time, Unix seconds
	lastAnswer int64                // when the API last answered for any event, Unix seconds
	folded     uint64               // the row's FoldedTypes at the start

	changedRow bool
	marked     []*Endpoint            // endpoints with changes since the last batch
	waiting    map[*Endpoint]struct{} // endpoints with details to ask for again later
	emptySince time.Time              // since when the account lists no endpoints although it had some
	swept      int64                  // when Promote last looked at all endpoints, Unix seconds
	failed     []FailedDelivery       // counted since the last batch
	dropped    []string
	byID       []*Endpoint // nil when it must be sorted again
}

// New returns the empty ledger of an account, for an API's URL.
func New(apiURL string, policy Policy, now time.Time) *Account {
	a := newAccount(AccountRow{APIURL: apiURL, Created: now}, policy)
	a.changedRow, a.clock = true, now.Unix()
	return a
}

// NewAfter returns the ledger of a new account that replaces a state that was set aside.
func NewAfter(apiURL string, policy Policy, now time.Time) *Account {
	a := New(apiURL, policy, now)
	a.row.Resets, a.resetNow = 1, true
	return a
}

// newAccount returns an account from its row.
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

// selects reports whether the endpoint is to be synced and shown.
func (a *Account) selects(id string) bool {
	return len(a.policy.Endpoints) == 0 || slices.Contains(a.policy.Endpoints, id)
}

// pins reports whether a flag names the endpoint.
func (a *Account) pins(id string) bool { return slices.Contains(a.policy.Endpoints, id) }

// emptyFor is how long an account that had endpoints must list none before that is
// believed.
const emptyFor = 10 * time.Minute

// ensure returns an endpoint, and creates it if needed.
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

// Pin adds the endpoints that flags name, in case the account cannot be listed. In a shared
// account only the leader does so.
func (a *Account) Pin() {
	if !a.Leads() {
		return
	}
	for _, id := range a.policy.Endpoints {
		a.ensure(id)
	}
}

// ToRead returns the endpoints to read in a sync, least recently read first. It includes
// endpoints that a flag names, even if nothing else is known about them.
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

// Policy returns the account's policy.
func (a *Account) Policy() Policy { return a.policy }

// ReduceURLsAs reduces the URLs as another account does.
func (a *Account) ReduceURLsAs(o *Account) { a.reduce = o.reduce }

// ReduceURLs passes every stored URL through reduce, because the state can contain more of it
// than the flags now allow.
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

// ClockSet notes that the clock has jumped. How long pending events have really waited is
// then unknown, so their wait starts again: no pending delivery becomes a failure because of
// the clock.
func (a *Account) ClockSet(to time.Time) { a.clockSet = to.Unix() }
