package ledger

import (
	"slices"
	"time"
)

// How many failures of an endpoint are kept with the words of their answers: the
// newest ones, and the newest of each code and reason, so that one flood does not
// push the rest out.
const (
	keptFailures = 200
	keptOfKind   = 20
	mostKept     = keptFailures + 32*keptOfKind // whatever codes there are
)

// keptList is an endpoint's failures for people, in order of creation. A Failure
// in it never changes: views hold the same pointers.
type keptList struct{ rows []keptRow }

type keptRow struct {
	at position
	*Failure
}

func (l *keptList) search(at position) (int, bool) {
	return slices.BinarySearchFunc(l.rows, at, func(r keptRow, at position) int { return r.at.compare(at) })
}

func (l *keptList) find(at position) (*Failure, bool) {
	i, ok := l.search(at)
	if !ok {
		return nil, false
	}
	return l.rows[i].Failure, true
}

// put replaces a failure or takes it in, and returns the places whose rows have
// changed: its own, and of those that have no room any more.
func (l *keptList) put(at position, f *Failure) (changed []position) {
	i, known := l.search(at)
	if known {
		l.rows[i].Failure = f
	} else {
		l.rows = slices.Insert(l.rows, i, keptRow{at, f})
	}
	changed = append(changed, at)
	beyond := len(l.rows) - keptFailures
	if beyond <= 0 {
		return changed
	}
	last := l.rows[beyond-1].Failure // it may have been among the newest until now
	changed = l.trim(f.kind(), changed)
	if last.kind() != f.kind() {
		changed = l.trim(last.kind(), changed)
	}
	if len(l.rows) > mostKept {
		changed = append(changed, l.rows[0].at)
		l.rows = slices.Delete(l.rows, 0, 1)
	}
	return changed
}

// trim removes what is neither among the newest nor among the newest of its kind, and
// adds it to what has changed.
func (l *keptList) trim(kind outcomeKind, changed []position) []position {
	n := 0
	for i := len(l.rows) - 1; i >= 0; i-- {
		if l.rows[i].kind() != kind {
			continue
		}
		if n++; n > keptOfKind && i < len(l.rows)-keptFailures {
			changed = append(changed, l.rows[i].at)
			l.rows = slices.Delete(l.rows, i, i+1)
		}
	}
	return changed
}

// outcomeKind is what failures have in common that look the same.
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

// set puts a failure in its place as a store has it, nil for none.
func (l *keptList) set(at position, f *Failure) {
	i, known := l.search(at)
	switch {
	case known && f == nil:
		l.rows = slices.Delete(l.rows, i, i+1)
	case known:
		l.rows[i].Failure = f
	case f != nil:
		l.rows = slices.Insert(l.rows, i, keptRow{at, f})
	}
}

// remember keeps what an answer said of an event that is, or was, a failure. was
// is the event before the answer.
func (e *Endpoint) remember(was, ev Event, a Answer, out Outcome, now time.Time) {
	switch {
	case a.Responded || out.Counts:
		e.tell(was, ev, a.reply(ev, now, e.account.policy.KeepBodies))
	default: // null where a response was seen before says nothing
		e.askedInVain(ev)
	}
}

// tell adds a reply to an event's failure, which begins with it where the event is
// failing.
func (e *Endpoint) tell(was, ev Event, r Reply) {
	var next Failure
	switch f, kept := e.kept.find(ev.position()); {
	case kept:
		next = f.told(r)
	case ev.Failing():
		next = e.failure(was).told(r)
	default:
		return
	}
	switch {
	case ev.Failing():
		next.Code, next.Reason = ev.Code, ev.Reason
	case ev.Resolved() && next.Healed == 0:
		next.Healed = r.At
	}
	e.keep(ev.position(), next)
}

// failure returns the record of an event that has not failed before.
func (e *Endpoint) failure(ev Event) Failure {
	f := Failure{
		EventID: e.id(ev.Key), Type: e.account.types.name(ev.Type), Created: ev.Time, Untrusted: ev.Has(Untrusted),
		History: ev.Has(History), FirstSeen: ev.FirstSeen, Asked: int(ev.Tries),
	}
	if ev.State == Pending {
		f.Replies = []Reply{{At: ev.FirstEmpty, Last: ev.LastAsk, Times: int(ev.Tries), State: Pending}}
	}
	return f
}

// askedInVain counts a call for a kept failure that told nothing.
func (e *Endpoint) askedInVain(ev Event) {
	if f, ok := e.kept.find(ev.position()); ok {
		next := *f
		next.Asked++
		e.keep(ev.position(), next)
	}
}

func (e *Endpoint) keep(at position, f Failure) {
	for _, changed := range e.kept.put(at, &f) {
		e.changed.failures[changed] = struct{}{}
		e.keptView = nil
		e.mark()
	}
}

// showKept returns the failures for a view, newest first.
func (e *Endpoint) showKept() []*Failure {
	if e.keptView == nil {
		e.keptView = make([]*Failure, 0, len(e.kept.rows))
		for _, r := range slices.Backward(e.kept.rows) {
			e.keptView = append(e.keptView, r.Failure)
		}
	}
	return e.keptView
}

// dropBodies forgets bodies that were kept by an earlier policy.
func (e *Endpoint) dropBodies() {
	for _, row := range e.kept.rows {
		if !slices.ContainsFunc(row.Replies, func(r Reply) bool { return r.Body != "" }) {
			continue
		}
		next := *row.Failure
		next.Replies = slices.Clone(next.Replies)
		for i := range next.Replies {
			next.Replies[i].Body = ""
		}
		e.keep(row.at, next)
	}
}
