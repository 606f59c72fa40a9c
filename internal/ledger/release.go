package ledger

import "time"

// Shown records that a complete scrape, started at began, has shown the view.
func (a *Account) Shown(v *View, began time.Time) {
	a.hold.showAt(began)
	for _, e := range v.Endpoints {
		for _, b := range e.Counters.held {
			b.showAt(began)
		}
	}
}

// Held reports whether a hold is not over yet: of a series, or of all counters after a start.
func (a *Account) Held() bool {
	if !a.hold.open && !a.hold.shown.IsZero() {
		return true
	}
	for _, e := range a.endpoints {
		if e.counters.held > 0 {
			return true
		}
	}
	return false
}

// HeldUntil returns until when all counters are shown as loaded; zero until a complete scrape
// has shown them. It returns false if they show their current values.
func (a *Account) HeldUntil() (until time.Time, held bool) {
	if a.hold.open || a.hold.shown.IsZero() {
		return time.Time{}, !a.hold.open
	}
	return a.hold.shown.Add(a.policy.Hold), true
}

// Started records a start of the process, and reports whether the previous one was within the
// hold. Counters that each start holds again can stay unchanged forever.
func (a *Account) Started(now time.Time) (soon bool) {
	since := now.Sub(a.row.Started)
	soon = !a.row.Started.IsZero() && since >= 0 && since < a.policy.Hold
	a.row.Started = now
	a.changedRow = true
	return soon
}

// Release ends every hold that is over: of series that were shown at 0 long enough, if this
// process can release them, and of all counters after a start.
func (a *Account) Release(now time.Time) {
	if a.hold.due(now, a.policy.Hold) {
		a.hold.open = true
		for _, e := range a.endpoints {
			e.counters.shown = nil
		}
		a.changedRow = true // a view with the current values follows
	}
	for _, e := range a.endpoints {
		e.counters.release(now, a.policy.Hold)
	}
}

// ResetCounters starts every counter at 0 with a new birth. Everything else stays: known
// events stay known.
func (a *Account) ResetCounters(now time.Time) {
	a.row.FoldedTypes, a.folded, a.row.Created = 0, 0, now
	a.row.Era++
	a.changedRow = true
	for _, e := range a.endpoints {
		e.counters.reset(now)
	}
}
