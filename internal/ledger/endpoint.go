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
	dropped bool // the account no longer has it

	events   events
	counters counters
	work     work
	reads    reads
	failures failureLog
	traces   traces

	changedRow bool
	marked     bool          // it is in the account's marked
	last       *EndpointView // the last view; nil when it must be built again
	version    uint64        // of the last batch with rows of this endpoint
}

func newEndpoint(a *Account, row EndpointRow) *Endpoint {
	e := &Endpoint{account: a, row: row}
	e.events.init(e)
	e.counters, e.work, e.failures, e.traces = newCounters(e), newWork(e), newFailureLog(e), newTraces(e)
	return e
}

// contacted reports whether the endpoint's unknown events are new.
func (e *Endpoint) contacted() bool { return !e.row.Contact.IsZero() }

// listed reports whether the account's last listing has the endpoint.
func (e *Endpoint) listed() bool { return e.row.Missed.IsZero() && e.row.Gone.IsZero() }

func (e *Endpoint) changeRow() {
	e.changedRow = true
	e.mark()
}

// mark adds the endpoint to those that the next batch checks. Every change calls it, so that
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
	e.events.insert(ev, l.id)
	e.noteTime(ev.Type, ev.Time)
	if e.contacted() {
		e.countEvent(ev.Type, now)
	}
}

func (e *Endpoint) countEvent(t TypeID, now time.Time) {
	e.counters.bump(CounterKey{Kind: CountEvents, Type: t}, now)
	if t == e.account.types.ids[TypeOther] {
		e.account.countFolded()
	}
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

// apply applies the answer for an event's detail.
func (e *Endpoint) apply(i slot, a Answer, now time.Time) {
	was := *e.events.at(i)
	next, out := was.waitsFrom(e.account.clockSet).Answered(a, now, e.account.policy.NoResponseAfter)
	e.traces.answered(was, next, a.Video, now)
	e.events.replace(i, next)
	e.failures.answered(was, next, a, out, now)
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
		delivered.exemplar = Exemplar{EventID: e.events.id(next.Key), Created: next.Time, Observed: now}
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
