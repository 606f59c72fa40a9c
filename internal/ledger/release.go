package ledger

import "time"

// Shown notes that a complete scrape, begun at began, has shown the view.
func (a *Account) Shown(v *View, began time.Time) {
	a.hold.showAt(began)
	for _, e := range v.Endpoints {
		for _, b := range e.Counters.held {
			b.showAt(began)
		}
	}
}

// Held reports whether a hold waits to be over, that of a series or of all counters
// after a start.
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

// HeldUntil returns until when all counters are shown as they were loaded, the zero time
// for as long as no complete scrape has shown them. It reports false where they are shown
// as they are.
func (a *Account) HeldUntil() (until time.Time, held bool) {
	if a.hold.open || a.hold.shown.IsZero() {
		return time.Time{}, !a.hold.open
	}
	return a.hold.shown.Add(a.policy.Hold), true
}

// Started notes a start of the process, and reports whether the one before was within
// the hold: counters that are held anew at each start may stay as they are for ever.
func (a *Account) Started(now time.Time) (soon bool) {
	since := now.Sub(a.row.Started)
	soon = !a.row.Started.IsZero() && since >= 0 && since < a.policy.Hold
	a.row.Started = now
	a.changedRow = true
	return soon
}

// Release ends every hold that is over: of what was shown at 0 for long enough, as far
// as it is this process that may do so, and of all counters after a start.
func (a *Account) Release(now time.Time) {
	if a.hold.due(now, a.policy.Hold) {
		a.hold.open = true
		for _, e := range a.endpoints {
			e.counters.shown = nil
		}
		a.changedRow = true // a view with the live values follows
	}
	for _, e := range a.endpoints {
		e.counters.release(now, a.policy.Hold)
	}
}

// ResetCounters starts every counter at 0 with a new birth and keeps everything
// else: what was seen stays seen.
func (a *Account) ResetCounters(now time.Time) {
	a.row.FoldedTypes, a.folded, a.row.Created = 0, 0, now
	a.row.Era++
	a.changedRow = true
	for _, e := range a.endpoints {
		e.counters.reset(now)
	}
}
