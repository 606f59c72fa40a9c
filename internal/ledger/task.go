package ledger

import "time"

// Task is one detail to fetch. The caller that takes it must end it with exactly one of
// Answered, Missing, Gone, Unusable, Unanswered and Return.
type Task struct {
	EndpointID string
	EventID    string
	Class      Class

	key   Key
	fence uint64
}

// Take returns the most urgent detail to fetch among the allowed classes, round robin over
// the endpoints within a class.
func (a *Account) Take(now time.Time, allowed func(Class) bool) (Task, bool) {
	if !a.Leads() {
		return Task{}, false
	}
	for class := range classes {
		if !allowed(class) {
			continue
		}
		for len(a.lines[class]) > 0 {
			e := a.lines[class][0]
			a.lines[class] = a.lines[class][1:]
			e.work.queued[class] = false
			if !e.fetchable() {
				continue
			}
			i, ok := e.work.take(class, now)
			if !ok {
				continue
			}
			key := e.events.at(i).Key
			e.work.setBusy(key, true)
			a.enqueue(class, e)
			return Task{e.row.ID, e.events.id(key), class, key, a.fence}, true
		}
	}
	return Task{}, false
}

// fetchable reports whether the endpoint's details can be fetched: not before contact, and
// not while the account does not list it, when a 404 says nothing about the event.
func (e *Endpoint) fetchable() bool {
	return e.contacted() && e.listed() && e.account.selects(e.row.ID)
}

// enqueue adds an endpoint to the queue of a class, unless it is already there.
func (a *Account) enqueue(class Class, e *Endpoint) {
	if !e.work.queued[class] {
		e.work.queued[class] = true
		a.lines[class] = append(a.lines[class], e)
	}
}

// sweepEvery is how often Promote checks every endpoint, even if it waits for nothing.
const sweepEvery = 10 // seconds

// Promote queues the details that have waited long enough.
func (a *Account) Promote(now time.Time) {
	back := now.Unix() < a.clock-clockSlack
	a.clock = now.Unix()
	if back {
		a.lastAnswer = min(a.lastAnswer, a.clock)
	}
	if back || now.Unix()-a.swept >= sweepEvery || now.Unix() < a.swept {
		a.swept = now.Unix()
		a.sweep(now, back)
	}
	for e := range a.waiting {
		if e.fetchable() {
			e.work.promote(now)
		}
	}
	a.bound(now)
}

// sweep queues what is ready of every endpoint, and corrects times that are in the future
// after a clock was set back.
func (a *Account) sweep(now time.Time, back bool) {
	for _, e := range a.endpoints {
		if back && a.Leads() {
			e.turnBack(now.Unix())
		}
		for class := range classes {
			if e.work.ready[class].len() > 0 {
				a.enqueue(class, e)
			}
		}
	}
}

// NextDue returns when Promote will find something; false if never.
func (a *Account) NextDue() (time.Time, bool) {
	var next int64
	found := false
	for e := range a.waiting {
		if e.work.idle() {
			delete(a.waiting, e)
			continue
		}
		if !e.fetchable() {
			continue
		}
		if at, ok := e.work.nextDue(); ok && (!found || at < next) {
			next, found = at, true
		}
	}
	return time.Unix(next, 0), found
}

// idle reports whether the endpoint has nothing to ask for again.
func (w *work) idle() bool { return w.later.len() == 0 && len(w.events.failing.slots) == 0 }

// Untried returns the number of counted events that can be asked for but never were. Scrapes
// wait for these.
func (a *Account) Untried() int {
	n := 0
	for _, e := range a.sorted() {
		if e.events.untried > 0 && e.fetchable() {
			n += e.events.untried
		}
	}
	return n
}

// Answered applies a detail.
func (a *Account) Answered(t Task, answer Answer, now time.Time) {
	a.lastAnswer = now.Unix()
	if e, i, ok := a.finish(t); ok {
		e.apply(i, answer, now)
	}
}

// Missing applies a 404. The event is asked for again, and becomes unresolved if all asks get
// a 404 for Policy.NoResponseAfter.
func (a *Account) Missing(t Task, now time.Time) {
	a.lastAnswer = now.Unix()
	if e, i, ok := a.finish(t); ok {
		e.missing(i, now)
	}
}

// Gone applies a 410: an event without an outcome becomes unresolved.
func (a *Account) Gone(t Task, now time.Time) {
	a.lastAnswer = now.Unix()
	if e, i, ok := a.finish(t); ok {
		e.gone(i, now)
	}
}

// Unusable applies an answer that concerns only this event and says nothing about its
// delivery: a 403, or an unusable one. The event is asked for again later, and becomes
// unresolved if that happens a window after first sight.
func (a *Account) Unusable(t Task, now time.Time) {
	a.lastAnswer = now.Unix()
	if e, i, ok := a.finish(t); ok {
		e.unusable(i, now)
	}
}

// Unanswered applies a failed call. The event is asked for again later.
func (a *Account) Unanswered(t Task, now time.Time) {
	if e, i, ok := a.finish(t); ok {
		e.unanswered(i, now)
	}
}

// Return gives back an untried task.
func (a *Account) Return(t Task) {
	if e, i, ok := a.finish(t); ok {
		e.work.schedule(i)
	}
}

// Asks reports whether the event of a task will be asked for again: it is not forgotten,
// unresolved or delivered successfully.
func (a *Account) Asks(t Task) bool {
	e, ok := a.endpoints[t.EndpointID]
	if !ok {
		return false
	}
	i, ok := e.events.find(t.key)
	if !ok {
		return false
	}
	_, wanted := e.events.at(i).due()
	return wanted
}

// finish ends a task. It returns false if the event was forgotten meanwhile, or another
// replica leads.
func (a *Account) finish(t Task) (*Endpoint, slot, bool) {
	e, ok := a.endpoints[t.EndpointID]
	if !ok || a.fence != t.fence { // a task does not affect the event under another lease
		return nil, 0, false
	}
	e.work.setBusy(t.key, false)
	i, ok := e.events.find(t.key)
	return e, i, ok
}
