package ledger

import (
	"slices"
	"time"
)

// How many failures of an endpoint are kept with the texts of their answers: the newest
// ones, and the newest of each code and reason, so that one flood does not push out the
// rest.
const (
	newestFailures = 200
	newestOfKind   = 20
	maxFailures    = newestFailures + 32*newestOfKind // whatever codes there are
)

// failureLog holds an endpoint's failures for people, in order of creation. A Failure in
// it never changes: views hold the same pointers.
type failureLog struct{ rows []loggedFailure }

type loggedFailure struct {
	at position
	*Failure
}

func (l *failureLog) search(at position) (int, bool) {
	return slices.BinarySearchFunc(l.rows, at, func(r loggedFailure, at position) int { return r.at.compare(at) })
}

func (l *failureLog) find(at position) (*Failure, bool) {
	i, ok := l.search(at)
	if !ok {
		return nil, false
	}
	return l.rows[i].Failure, true
}

// put adds or replaces a failure and returns the places whose rows have changed: its own,
// and those of the failures that it pushed out.
func (l *failureLog) put(at position, f *Failure) (changed []position) {
	i, known := l.search(at)
	if known {
		l.rows[i].Failure = f
	} else {
		l.rows = slices.Insert(l.rows, i, loggedFailure{at, f})
	}
	changed = append(changed, at)
	beyond := len(l.rows) - newestFailures
	if beyond <= 0 {
		return changed
	}
	last := l.rows[beyond-1].Failure // it may have been among the newest until now
	changed = l.trim(f.kind(), changed)
	if last.kind() != f.kind() {
		changed = l.trim(last.kind(), changed)
	}
	if len(l.rows) > maxFailures {
		changed = append(changed, l.rows[0].at)
		l.rows = slices.Delete(l.rows, 0, 1)
	}
	return changed
}

// trim removes the failures of a kind that are neither among the newest nor among the
// newest of that kind, and adds their places to changed.
func (l *failureLog) trim(kind outcomeKind, changed []position) []position {
	n := 0
	for i := len(l.rows) - 1; i >= 0; i-- {
		if l.rows[i].kind() != kind {
			continue
		}
		if n++; n > newestOfKind && i < len(l.rows)-newestFailures {
			changed = append(changed, l.rows[i].at)
			l.rows = slices.Delete(l.rows, i, i+1)
		}
	}
	return changed
}

// outcomeKind is what failures that look the same have in common.
type outcomeKind struct {
	Code   Code
	Reason Reason
}

func (f *Failure) kind() outcomeKind {
	if f.Code != CodeNone {
		return outcomeKind{Code: f.Code}
	}
	return outcomeKind{Reason: f.Reason}
}

// set puts a failure in its place as a store has it; nil removes it.
func (l *failureLog) set(at position, f *Failure) {
	i, known := l.search(at)
	switch {
	case known && f == nil:
		l.rows = slices.Delete(l.rows, i, i+1)
	case known:
		l.rows[i].Failure = f
	case f != nil:
		l.rows = slices.Insert(l.rows, i, loggedFailure{at, f})
	}
}

// logFailure logs what an answer said of an event that is, or was, a failure. was is the
// event before the answer.
func (e *Endpoint) logFailure(was, ev Event, a Answer, out Outcome, now time.Time) {
	switch {
	case a.Responded || out.Counts:
		e.logAnswer(was, ev, a.record(ev, now, e.account.policy.ShowBody))
	default: // a null after a response says nothing
		e.logAsk(ev)
	}
}

// logAnswer adds an answer to an event's failure. A failing event without one gets one.
func (e *Endpoint) logAnswer(was, ev Event, r AnswerRecord) {
	var next Failure
	switch f, kept := e.failures.find(ev.position()); {
	case kept:
		next = f.with(r)
	case ev.Failing():
		next = e.failure(was).with(r)
	default:
		return
	}
	switch {
	case ev.Failing():
		next.Code, next.Reason = ev.Code, ev.Reason
	case ev.Resolved() && next.Healed == 0:
		next.Healed = r.At
	}
	e.putFailure(ev.position(), next)
}

// failure returns the record of an event that has not failed before.
func (e *Endpoint) failure(ev Event) Failure {
	f := Failure{
		EventID: e.events.id(ev.Key), Type: e.account.types.name(ev.Type), Created: ev.Time, Untrusted: ev.Has(Untrusted),
		History: ev.Has(History), FirstSeen: ev.FirstSeen, Asked: int(ev.Tries),
	}
	if ev.Stage == Pending {
		f.Answers = []AnswerRecord{{At: ev.FirstEmpty, Last: ev.LastAsk, Times: int(ev.Tries), Stage: Pending}}
	}
	return f
}

// logAsk counts a call for a logged failure that brought no news.
func (e *Endpoint) logAsk(ev Event) {
	if f, ok := e.failures.find(ev.position()); ok {
		next := *f
		next.Asked++
		e.putFailure(ev.position(), next)
	}
}

func (e *Endpoint) putFailure(at position, f Failure) {
	for _, changed := range e.failures.put(at, &f) {
		e.changed.failures[changed] = struct{}{}
		e.failuresView = nil
		e.mark()
	}
}

// showFailures returns the failures for a view, newest first.
func (e *Endpoint) showFailures() []*Failure {
	if e.failuresView == nil {
		e.failuresView = make([]*Failure, 0, len(e.failures.rows))
		for _, r := range slices.Backward(e.failures.rows) {
			e.failuresView = append(e.failuresView, r.Failure)
		}
	}
	return e.failuresView
}

// dropBodies drops the bodies that an earlier policy kept.
func (e *Endpoint) dropBodies() {
	for _, row := range e.failures.rows {
		if !slices.ContainsFunc(row.Answers, func(r AnswerRecord) bool { return r.Body != "" }) {
			continue
		}
		next := *row.Failure
		next.Answers = slices.Clone(next.Answers)
		for i := range next.Answers {
			next.Answers[i].Body = ""
		}
		e.putFailure(row.at, next)
	}
}
