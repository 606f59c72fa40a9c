package ledger

import (
	"slices"
	"time"
)

// Class orders the details to fetch: lower classes go first.
type Class int

// The classes of details.
const (
	NewEvents     Class = iota // counted, never asked for; oldest first
	PendingEvents              // counted, had no response when last asked
	FailedEvents               // the provider can have retried the delivery
	HistoryEvents              // in spare time, newest first: listed before contact, or failed without a trace
	classes
)

// Waits before an event is asked for again.
const (
	waitFirst    = 5 * time.Second // after the first answer without a response, or a failed call; doubles
	waitLongest  = 5 * time.Minute
	retryFirst   = 5 * time.Minute // after a failure; doubles
	retryLongest = 6 * time.Hour

	retryNewest = 100 // failures of an endpoint that are asked for again

	clockSlack = 60 // seconds by which the clock may go back before it counts as set back
)

// work is what an endpoint has to fetch.
type work struct {
	endpoint *Endpoint
	events   *events // the endpoint's

	ready [classes]queue // FailedEvents is not used, as failures are searched
	later queue          // waiting, by end of the wait
	busy  map[Key]struct{}

	// If the oldest new event has waited too long: the new events, newest first, and whether
	// the last ask took the oldest.
	newest           queue
	lags, tookOldest bool

	absent map[Key]absence
	queued [classes]bool // the endpoint is in the account's queue of that class

	// The next failure to ask for again, and when, if known.
	retrySlot            slot
	retryAt              int64
	retryKnown, retryAny bool
}

func newWork(e *Endpoint) work {
	w := work{endpoint: e, events: &e.events, busy: make(map[Key]struct{}), absent: make(map[Key]absence)}
	w.ready[HistoryEvents].latestFirst = true
	return w
}

// due returns when the event's detail can be asked for, in Unix seconds; false if that is
// never needed.
func (e Event) due() (int64, bool) {
	switch {
	case e.Final() || e.Stage == Free:
		return 0, false
	case e.LastAsk == 0:
		return 0, true
	case e.Resolved():
		return e.LastAsk + seconds(doubled(retryFirst, int(e.Tries), retryLongest)), true
	}
	return e.LastAsk + seconds(doubled(waitFirst, int(e.Tries)-1, waitLongest)), true
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

func doubled(d time.Duration, times int, limit time.Duration) time.Duration {
	for ; times > 0 && d < limit; times-- {
		d *= 2
	}
	return min(d, limit)
}

// class returns the class in which a waiting event is fetched.
func (e Event) class() Class {
	switch {
	case e.Has(History) && !e.Resolved():
		return HistoryEvents
	case e.Stage == Listed && e.LastAsk == 0:
		return NewEvents
	case e.Waiting():
		return PendingEvents
	}
	return FailedEvents
}

// class returns the class in which this endpoint's event is fetched. A failure without a
// trace comes from a version that kept none: only its detail names its video.
func (w *work) class(ev *Event) Class {
	if ev.Failing() {
		if _, traced := w.endpoint.traces.rows[ev.Key]; !traced {
			return HistoryEvents
		}
	}
	return ev.class()
}

// rank orders the events of a class: by creation, or, if they are asked for repeatedly, by
// when they were due, so that they take turns.
func (e Event) rank(c Class) int64 {
	if c == PendingEvents {
		due, _ := e.due()
		return due
	}
	return e.Time
}

// schedule queues an event for when it is due.
func (w *work) schedule(i slot) {
	ev := w.events.at(i)
	due, wanted := ev.due()
	switch {
	case !wanted || w.class(ev) == FailedEvents:
	case due == 0:
		w.lineUp(i)
	default:
		w.wait(due, i)
	}
}

// wait keeps an event until it is due.
func (w *work) wait(due int64, i slot) {
	w.later.push(due, i)
	w.endpoint.account.waiting[w.endpoint] = struct{}{}
}

// lineUp adds an event to the queue of its class.
func (w *work) lineUp(i slot) {
	ev := w.events.at(i)
	class := w.class(ev)
	w.ready[class].push(ev.rank(class), i)
	if class == NewEvents && w.lags {
		w.newest.push(ev.Time, i)
	}
	w.endpoint.account.enqueue(class, w.endpoint)
}

// promote moves events that have waited long enough to their queue.
func (w *work) promote(now time.Time) {
	for {
		next, ok := w.later.first(w.waits)
		if !ok || next.at > now.Unix() {
			break
		}
		w.lineUp(w.later.pop().slot)
	}
	if _, ok := w.retryable(now); ok {
		w.endpoint.account.enqueue(FailedEvents, w.endpoint)
	}
}

// waits reports whether a row's wait is still the event's.
func (w *work) waits(r ranked) bool {
	ev := w.events.at(r.slot)
	due, wanted := ev.due()
	return wanted && w.class(ev) != FailedEvents && due == r.at
}

// take returns the next event of a class.
func (w *work) take(class Class, now time.Time) (slot, bool) {
	switch class { //nolint:exhaustive // the others are queues
	case FailedEvents:
		return w.retryable(now)
	case NewEvents:
		return w.takeNew(now)
	}
	line := &w.ready[class]
	for line.len() > 0 {
		next := line.pop()
		ev := w.events.at(next.slot)
		due, wanted := ev.due()
		switch {
		case !wanted || w.isBusy(ev.Key) || w.class(ev) != class || ev.rank(class) != next.at:
		case due > now.Unix(): // the clock has gone back a little
			w.wait(due, next.slot)
		default:
			return next.slot, true
		}
	}
	return 0, false
}

// turnBack corrects times in the future after a clock was set back, so that nothing waits for
// that time to pass twice.
func (e *Endpoint) turnBack(now int64) {
	for i, ev := range e.events.table.all() {
		if max(ev.FirstSeen, ev.FirstEmpty, ev.LastAsk, e.events.relists[i]) <= now+clockSlack {
			continue
		}
		next := *ev
		next.FirstSeen, next.FirstEmpty, next.LastAsk = min(next.FirstSeen, now), min(next.FirstEmpty, now), min(next.LastAsk, now)
		if last, ok := e.events.relists[i]; ok {
			e.events.relists[i] = min(last, now)
		}
		e.events.replace(i, next)
	}
}

// retryable returns the failure that has been due for longest: if the rate allows fewer asks
// than are due, they take turns.
func (w *work) retryable(now time.Time) (slot, bool) {
	at, ok := w.retryDue()
	return w.retrySlot, ok && at <= now.Unix()
}

// retryDue returns when the first of the newest failures can be asked for again.
func (w *work) retryDue() (at int64, ok bool) {
	if !w.retryKnown {
		w.retryKnown, w.retryAny = true, false
		for _, i := range slices.Backward(w.events.failing.newest(retryNewest)) {
			if due, ok := w.idleDue(i); ok && (!w.retryAny || due < w.retryAt) {
				w.retrySlot, w.retryAt, w.retryAny = i, due, true
			}
		}
	}
	return w.retryAt, w.retryAny
}

// idleDue returns an event's due time; false while it is being fetched.
func (w *work) idleDue(i slot) (int64, bool) {
	ev := w.events.at(i)
	if w.isBusy(ev.Key) {
		return 0, false
	}
	return ev.due()
}

// isBusy reports whether an event is being fetched.
func (w *work) isBusy(k Key) bool {
	_, busy := w.busy[k]
	return busy
}

// setBusy records whether an event is being fetched.
func (w *work) setBusy(k Key, busy bool) {
	w.retryKnown = false
	if busy {
		w.busy[k] = struct{}{}
	} else {
		delete(w.busy, k)
	}
}

// nextDue returns when something not yet ready will be due.
func (w *work) nextDue() (int64, bool) {
	next, waits := w.later.first(w.waits)
	retry, retries := w.retryDue()
	if !waits || retries && retry < next.at {
		return retry, retries
	}
	return next.at, waits
}
