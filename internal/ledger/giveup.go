package ledger

import "time"

// absence is a series of requests for one event that were all answered with 404. It is not
// stored, so after a start the time that it must last starts again.
type absence struct {
	since int64 // the first of them, Unix seconds
	last  int64 // the latest; an ask after it ends the series
}

// missing applies a 404. A detail can appear a little later than its event in the list, so
// the first ones prove nothing.
func (e *Endpoint) missing(i slot, now time.Time) {
	ev, at := e.events.at(i), now.Unix()
	row, ok := e.work.absent[ev.Key]
	if !ok || row.last != ev.LastAsk || row.since > at || row.since < e.account.clockSet {
		row.since = at
	}
	row.last = at
	e.work.absent[ev.Key] = row
	e.absent(i, now, at-row.since >= seconds(e.account.policy.NoResponseAfter))
}

// gone applies a 410.
func (e *Endpoint) gone(i slot, now time.Time) { e.absent(i, now, true) }

// absent applies that the API does not have a detail, for good or not.
func (e *Endpoint) absent(i slot, now time.Time, forGood bool) {
	was := *e.events.at(i)
	next := was.Unanswered(now)
	if forGood || next.aged(now.Unix(), e.account.policy.Window) {
		next = next.givenUp()
	}
	e.settle(i, next, now)
	e.failures.add(was, next, AnswerRecord{At: now.Unix(), Last: now.Unix(), Times: 1, Stage: Unresolved})
	e.traces.absent(next)
}

// unusable applies an answer that says nothing about the event's outcome.
func (e *Endpoint) unusable(i slot, now time.Time) {
	next := e.events.at(i).Unanswered(now)
	if next.aged(now.Unix(), e.account.policy.Window) {
		next = next.givenUp()
	}
	e.settle(i, next, now)
	e.failures.asked(next)
	e.traces.asked(next)
}

// unanswered applies a failed call. Usually the event is not the reason, so the event is
// given up only if the previous call also failed a window after first sight, and the API has
// answered for others in between.
func (e *Endpoint) unanswered(i slot, now time.Time) {
	was := *e.events.at(i)
	next := was.Unanswered(now)
	if was.aged(was.LastAsk, e.account.policy.Window) && e.account.lastAnswer > was.LastAsk {
		next = next.givenUp()
	}
	e.settle(i, next, now)
	e.failures.asked(next)
	e.traces.asked(next)
}

// givenUp returns the event as unresolved, unless it has an outcome.
func (e Event) givenUp() Event {
	if e.Waiting() {
		e.Stage = Unresolved
	}
	return e
}

// settle replaces an event that has no new outcome, but can just have become unresolved.
func (e *Endpoint) settle(i slot, next Event, now time.Time) {
	entered := e.events.at(i).Stage != Unresolved && next.Stage == Unresolved
	e.events.replace(i, next)
	if entered && !next.Has(History) {
		e.counters.bump(CounterKey{Kind: CountUnresolved, Type: next.Type}, now)
	}
}
