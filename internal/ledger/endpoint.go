package ledger

import (
	"slices"
	"time"
)

// Endpoint is one webhook endpoint: what it listed, what became of it, and what
// was counted.
type Endpoint struct {
	account *Account
	row     EndpointRow
	dropped bool // the account does not know it any more

	table   table
	order   order
	failing failingEvents
	window  window
	hours   hours
	ids     map[Key]string // of hashed keys
	relists map[slot]int64 // last full read that listed an untrusted event

	counters counters

	pending    map[TypeID]int // events by type in state Pending
	backlog    int            // counted events that wait for an outcome
	fresh      int            // of them, those in state Listed
	untried    int            // of them, those that were never asked for
	unread     int            // history in state Listed
	oldestWait queue          // Pending, by creation
	oldestNew  queue          // counted and Listed, by creation
	aside      []ranked       // of the two, while an account's backlog is bounded
	work       work

	reads     reads
	failures  failureLog // failures for people
	traces    map[Key]Trace
	oddVideos map[Key]Video // of the traces that have no place for it
	changed   changes
	marked    bool // it is among the account's marked

	failuresView []*Failure    // the same of the kept failures
	last         *EndpointView // the last view; nil when it must be made anew
	version      uint64        // of the last batch with rows of this endpoint
}

// changes are the rows that differ from what the last batch held.
type changes struct {
	row      bool
	events   []slot // in no order, some of them perhaps more than once
	failures map[position]struct{}
	traces   map[position]struct{}
}

func noChanges() changes {
	return changes{failures: make(map[position]struct{}), traces: make(map[position]struct{})}
}

func newEndpoint(a *Account, row EndpointRow) *Endpoint {
	e := &Endpoint{
		account:   a,
		row:       row,
		table:     newTable(row.Tracked),
		window:    window{length: a.policy.Window, counts: make(map[outcomeKey]int)},
		ids:       make(map[Key]string),
		relists:   make(map[slot]int64),
		pending:   make(map[TypeID]int),
		hours:     hours{cells: make(map[int64]*Hour)},
		traces:    make(map[Key]Trace),
		oddVideos: make(map[Key]Video),
		changed:   noChanges(),
	}
	e.order.table, e.failing.table = &e.table, &e.table
	e.counters = newCounters(e)
	e.work = newWork()
	return e
}

// contacted reports whether the endpoint's unknown events are new.
func (e *Endpoint) contacted() bool { return !e.row.Contact.IsZero() }

// listed reports whether the API has the endpoint as far as the account's last
// listing tells.
func (e *Endpoint) listed() bool { return e.row.Missed.IsZero() && e.row.Gone.IsZero() }

func (e *Endpoint) changeRow() {
	e.changed.row = true
	e.mark()
}

func (e *Endpoint) changeEvent(i slot) {
	e.changed.events = append(e.changed.events, i)
	e.mark()
}

// mark puts the endpoint among those that the next batch looks at. Every change does:
// a commit costs what has changed, however many endpoints there are.
func (e *Endpoint) mark() {
	if !e.marked {
		e.marked = true
		e.account.marked = append(e.account.marked, e)
	}
}

// track adds an unknown event. Before contact it is history.
func (e *Endpoint) track(l listed, now time.Time, timely bool) {
	ev := Event{Key: l.key, Time: l.created, FirstSeen: now.Unix(), Stage: Listed}
	ev.Type = e.account.resolveType(l.typ)
	if !l.trusted {
		ev.Time = now.Unix()
		ev.Flags |= Untrusted
	}
	if timely && l.trusted {
		ev.Flags |= Timely
	}
	if !e.contacted() {
		ev.Flags |= History
	}
	i := e.table.insert(ev)
	e.order.add(i)
	if l.id != "" {
		e.ids[ev.Key] = l.id
	}
	if ev.Has(Untrusted) {
		e.relists[i] = now.Unix()
	}
	e.noteTime(ev.Type, ev.Time)
	if e.contacted() {
		e.countEvent(ev.Type, now)
	}
	e.enter(i)
	e.changeEvent(i)
}

func (e *Endpoint) countEvent(t TypeID, now time.Time) {
	e.counters.bump(CounterKey{Kind: CountEvents, Type: t}, now)
	if t == e.account.types.ids[TypeOther] {
		e.account.countFolded()
	}
}

// enter derives all that an event that was put into its slot brings with it.
func (e *Endpoint) enter(i slot) {
	e.tally(i, 1)
	e.age(i)
	e.schedule(i)
}

// noteTime keeps the newest creation time of each type.
func (e *Endpoint) noteTime(t TypeID, at int64) {
	i := slices.IndexFunc(e.row.LastEvent, func(tt TypeTime) bool { return tt.Type == t })
	if i < 0 {
		e.row.LastEvent = append(e.row.LastEvent, TypeTime{t, at})
		e.changeRow()
		return
	}
	if last := &e.row.LastEvent[i]; at > last.Time {
		last.Time = at
		e.changeRow()
	}
}

// set replaces the event in a slot and all that is derived from it.
func (e *Endpoint) set(i slot, next Event) {
	was := e.table.at(i).Stage
	e.tally(i, -1)
	*e.table.at(i) = next
	e.tally(i, 1)
	if next.Stage != was {
		e.age(i)
	}
	if !next.Waiting() {
		delete(e.work.absent, next.Key)
	}
	e.schedule(i)
	e.changeEvent(i)
}

// tally adds an event to the derived numbers (n = 1) or takes it out (n = -1).
func (e *Endpoint) tally(i slot, n int) {
	ev := e.table.at(i)
	e.window.tally(ev, n)
	e.hours.tally(ev, n)
	if ev.Waiting() && !ev.Has(History) {
		e.backlog += n
		e.account.backlog += n
	}
	switch {
	case ev.Stage == Pending:
		e.pending[ev.Type] += n
	case ev.Stage == Listed && ev.Has(History):
		e.unread += n
	case ev.Stage == Listed:
		e.fresh += n
		if ev.LastAsk == 0 {
			e.untried += n
		}
	case ev.Failing():
		e.work.retryKnown = false
		if n > 0 {
			e.failing.add(i)
			e.account.waiting[e] = struct{}{}
		} else {
			e.failing.remove(i)
		}
	}
}

// age lines an event up that has just entered a state whose oldest event is shown.
func (e *Endpoint) age(i slot) {
	switch ev := e.table.at(i); {
	case ev.Stage == Pending:
		e.oldestWait.push(ev.Time, i)
	case ev.Stage == Listed && !ev.Has(History):
		e.oldestNew.push(ev.Time, i)
	}
}

// apply applies what an event's detail said.
func (e *Endpoint) apply(i slot, a Answer, now time.Time) {
	was := *e.table.at(i)
	next, out := was.waitsFrom(e.account.clockSet).Answered(a, now, e.account.policy.NoResponseAfter)
	e.trace(was, next, a.Video, now)
	e.set(i, next)
	e.logFailure(was, next, a, out, now)
	if !out.Counts {
		return
	}
	e.row.Standing.observe(&next)
	e.changeRow()
	key := CounterKey{Kind: CountDeliveries, Type: next.Type, Code: next.Code}
	if next.Has(History) {
		e.counters.birth(key, now)
		return
	}
	if next.Failing() {
		e.report(&next, a)
	}
	delivered := e.counters.bump(key, now)
	if next.Failing() && next.Time >= delivered.exemplar.Created {
		delivered.exemplar = Exemplar{EventID: e.id(next.Key), Created: next.Time, Observed: now}
	}
	if next.Stage == NoResponse {
		e.counters.bump(CounterKey{Kind: CountNoResponse, Reason: next.Reason}, now)
	}
	if out.Recovered {
		e.counters.bump(CounterKey{Kind: CountRecoveries, Type: next.Type}, now)
	}
	if out.FirstResponse && next.Has(Timely) {
		e.counters.observe(max(0, now.Sub(time.Unix(next.Time, 0)).Seconds()))
	}
}

// id returns the event id behind a key.
func (e *Endpoint) id(k Key) string {
	if k.Hashed() {
		return e.ids[k]
	}
	return k.PlainID()
}
