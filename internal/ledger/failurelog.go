package ledger

import (
	"slices"
	"time"
)

// How many failures of an endpoint are kept with the texts of their answers: the newest ones,
// and the newest of each code and reason, so that a flood of one kind does not displace the
// others.
const (
	newestFailures = 200
	newestOfKind   = 20
	maxFailures    = newestFailures + 32*newestOfKind // whatever codes there are
)

// failureLog holds an endpoint's failures for people, in order of creation. A Failure in it
// never changes, as views hold the same pointers.
type failureLog struct {
	endpoint *Endpoint
	rows     []loggedFailure
	changed  map[position]struct{} // since the last batch
	shown    []*Failure            // for a view; nil when it must be built again
}

func newFailureLog(e *Endpoint) failureLog {
	return failureLog{endpoint: e, changed: make(map[position]struct{})}
}

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

// put adds or replaces a failure. It returns the places whose rows have changed: its own, and
// those of the failures that it displaced.
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
	last := l.rows[beyond-1].Failure // it can have been among the newest until now
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

// outcomeKind is what failures of one kind have in common.
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

// set puts a stored failure into its place; nil removes it.
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

// answered logs an answer for an event that is, or was, a failure. was is the event before
// the answer.
func (l *failureLog) answered(was, ev Event, a Answer, out Outcome, now time.Time) {
	switch {
	case a.Responded || out.Counts:
		l.add(was, ev, a.record(ev, now, l.endpoint.account.policy.ShowBody))
	default: // a null after a response says nothing
		l.asked(ev)
	}
}

// add adds an answer to an event's failure. A failing event without one gets one.
func (l *failureLog) add(was, ev Event, r AnswerRecord) {
	var next Failure
	switch f, kept := l.find(ev.position()); {
	case kept:
		next = f.with(r)
	case ev.Failing():
		next = l.failure(was).with(r)
	default:
		return
	}
	switch {
	case ev.Failing():
		next.Code, next.Reason = ev.Code, ev.Reason
	case ev.Resolved() && next.Healed == 0:
		next.Healed = r.At
	}
	l.update(ev.position(), next)
}

// failure returns the record of an event that has not failed before.
func (l *failureLog) failure(ev Event) Failure {
	e := l.endpoint
	f := Failure{
		EventID: e.events.id(ev.Key), Type: e.account.types.name(ev.Type), Created: ev.Time, Untrusted: ev.Has(Untrusted),
		History: ev.Has(History), FirstSeen: ev.FirstSeen, Asked: int(ev.Tries),
	}
	if ev.Stage == Pending {
		f.Answers = []AnswerRecord{{At: ev.FirstEmpty, Last: ev.LastAsk, Times: int(ev.Tries), Stage: Pending}}
	}
	return f
}

// asked counts a call for a logged failure that brought no news.
func (l *failureLog) asked(ev Event) {
	if f, ok := l.find(ev.position()); ok {
		next := *f
		next.Asked++
		l.update(ev.position(), next)
	}
}

// update puts a failure into the log, and marks the rows that have changed.
func (l *failureLog) update(at position, f Failure) {
	for _, changed := range l.put(at, &f) {
		l.changed[changed] = struct{}{}
		l.shown = nil
		l.endpoint.mark()
	}
}

// show returns the failures for a view, newest first.
func (l *failureLog) show() []*Failure {
	if l.shown == nil {
		l.shown = make([]*Failure, 0, len(l.rows))
		for _, r := range slices.Backward(l.rows) {
			l.shown = append(l.shown, r.Failure)
		}
	}
	return l.shown
}

// dropBodies drops the bodies that an earlier policy kept.
func (l *failureLog) dropBodies() {
	for _, row := range l.rows {
		if !slices.ContainsFunc(row.Answers, func(r AnswerRecord) bool { return r.Body != "" }) {
			continue
		}
		next := *row.Failure
		next.Answers = slices.Clone(next.Answers)
		for i := range next.Answers {
			next.Answers[i].Body = ""
		}
		l.update(row.at, next)
	}
}

// batch adds the changed rows to a batch, including deleted ones.
func (l *failureLog) batch(b *Batch) {
	for at := range l.changed {
		f, _ := l.find(at)
		b.Failures = append(b.Failures, FailureRow{l.endpoint.row.ID, at.Time, at.Key, f})
	}
	clear(l.changed)
}
