package ledger

import (
	"math"
	"slices"
	"time"
)

// View is what is shown of an account, as of when its rows were made durable. It is
// immutable.
type View struct {
	CompanyID   string
	Created     time.Time // when this state began
	Resets      uint64
	FoldedTypes uint64
	LastSync    time.Time       // zero until a sync has succeeded for every endpoint
	Endpoints   []*EndpointView // in order of id

	startHeld bool // the counters are shown as loaded
}

// EndpointView is one endpoint. 0 means none in times of Unix seconds.
type EndpointView struct {
	ID         string
	Meta       *Meta    // nil until the account has listed it
	Subscribed []string // Meta.Events as labels, without duplicates
	Contacted  bool
	Counters   *Counters // the same pointer while nothing in it changes

	Pending         []TypeCount // for every type with counters
	OldestPending   int64       // creation
	OldestUnfetched int64       // creation
	Backlog         int         // new events without a detail
	HistoryBacklog  int
	Tracked         int
	Listed          int
	LastFull        time.Time
	LastSync        time.Time // last read that succeeded
	LastRead        time.Time // last read, however it ended
	ReadError       string    // its kind of error; "" for none
	Consecutive     int
	FailingSince    int64 // creation of the first of them
	LastCode        Code
	HasCode         bool // LastCode is valid
	LastSuccess     int64
	LastFailure     int64
	LastEvents      []NamedTime
	Window          []WindowCount // as of the view's time

	failures []*Failure
	version  uint64
}

// TypeCount is a number by event type.
type TypeCount struct {
	Type  string
	Count int
}

// NamedTime is a time in Unix seconds by event type.
type NamedTime struct {
	Type string
	Time int64
}

// WindowCount counts the events created in the window by their latest outcome.
type WindowCount struct {
	Type  string
	Code  Code
	Count int
}

// Counters are an endpoint's counters as shown.
type Counters struct {
	All     []Counter // ordered by kind, type, code and reason
	Latency *Latency  // nil before contact

	held []*Birth
}

// Counter is one counter. Which of Type, Code and Reason it uses depends on its kind.
type Counter struct {
	Kind     CounterKind
	Type     string
	Code     Code
	Reason   Reason
	Value    uint64
	Born     time.Time
	Exemplar *Exemplar // nil without one, and during a hold
}

// Latency is the latency histogram as shown.
type Latency struct {
	Counts LatencyCounts
	Born   time.Time
}

// View returns what can be shown of the account after the batch just taken is durable.
func (a *Account) View(now time.Time) *View {
	v := &View{
		CompanyID:   a.row.CompanyID,
		Created:     a.row.Created,
		Resets:      a.row.Resets,
		FoldedTypes: a.row.FoldedTypes,
		LastSync:    a.row.LastSync,
		startHeld:   !a.hold.open,
	}
	if !a.hold.open {
		v.FoldedTypes = a.folded
		if a.resetNow {
			v.Resets-- // shown before its increment, like every counter
		}
	}
	for _, e := range a.sorted() {
		if e.row.Gone.IsZero() && a.selects(e.row.ID) {
			if e.last == nil || e.counters.shown == nil {
				e.last = e.show(now)
			}
			v.Endpoints = append(v.Endpoints, e.last)
		}
	}
	return v
}

// AsOf returns a view of the account with its windows at the present time. Endpoints that
// have changed since the view was made are shown unchanged.
func (a *Account) AsOf(v *View, now time.Time) *View {
	next := *v
	next.Endpoints = make([]*EndpointView, len(v.Endpoints))
	for i, was := range v.Endpoints {
		next.Endpoints[i] = was
		e, ok := a.endpoints[was.ID]
		if ok && e.version == was.version && !e.unstored() {
			fresh := *was
			fresh.Window = e.showWindow(now)
			next.Endpoints[i] = &fresh
		}
	}
	return &next
}

// Awaited reports whether showing the view in a complete scrape affects what can be shown
// next, so that [Account.Shown] must be called.
func (v *View) Awaited() bool {
	return v.startHeld || slices.ContainsFunc(v.Endpoints, func(e *EndpointView) bool { return len(e.Counters.held) > 0 })
}

func (e *Endpoint) show(now time.Time) *EndpointView {
	standing := &e.row.Standing
	v := &EndpointView{
		ID:             e.row.ID,
		Contacted:      e.contacted(),
		Counters:       e.counters.show(),
		Backlog:        e.events.fresh,
		HistoryBacklog: e.events.unread,
		Tracked:        e.events.len(),
		Listed:         e.row.Listed,
		LastFull:       e.row.LastFull,
		LastSync:       e.row.LastSufficient,
		LastRead:       e.row.LastRead,
		ReadError:      e.row.ReadError,
		Consecutive:    standing.consecutive(&e.events.failing),
		FailingSince:   standing.failingSince(&e.events.failing),
		LastCode:       standing.Last.Code,
		HasCode:        standing.Last.Set,
		LastSuccess:    standing.LastSuccess.Time,
		LastFailure:    standing.LastFailure.Time,
		Window:         e.showWindow(now),
		failures:       e.failures.show(),
		version:        e.version,
	}
	if e.row.Meta != nil {
		meta := *e.row.Meta
		if e.account.reduce != nil {
			meta.URL = e.account.reduce(meta.URL)
		}
		v.Meta = &meta
		v.Subscribed = e.subscribed()
	}
	if r, ok := e.events.oldestWait.first(e.events.inStage(Pending)); ok {
		v.OldestPending = r.at
	}
	if r, ok := e.events.oldestNew.first(e.events.inStage(Listed)); ok {
		v.OldestUnfetched = r.at
	}
	for key := range e.counters.rows {
		if key.Kind == CountEvents {
			v.Pending = append(v.Pending, TypeCount{e.account.types.name(key.Type), e.events.pending[key.Type]})
		}
	}
	for _, t := range e.row.LastEvent {
		v.LastEvents = append(v.LastEvents, NamedTime{e.account.types.name(t.Type), t.Time})
	}
	return v
}

// subscribed returns the labels of the event types that the endpoint subscribes to.
func (e *Endpoint) subscribed() []string {
	var names []string
	for _, raw := range e.row.Meta.Events {
		if name := e.account.types.name(e.account.resolveType(raw)); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// showWindow returns the window's count for every label set with a delivery counter,
// including 0.
func (e *Endpoint) showWindow(now time.Time) []WindowCount {
	e.events.window.advance(now, &e.events.order)
	var counts []WindowCount
	for key := range e.counters.rows {
		if key.Kind == CountDeliveries {
			counts = append(counts, WindowCount{
				e.account.types.name(key.Type), key.Code, e.events.window.counts[outcomeKey{key.Type, key.Code}],
			})
		}
	}
	return counts
}

// Age returns the seconds between a creation time and the clock; 0 for none, or for a time in
// the future.
func Age(created int64, now time.Time) float64 {
	if created == 0 {
		return 0
	}
	return math.Max(0, now.Sub(time.Unix(created, 0)).Seconds())
}
