package ledger

import "time"

const (
	missedFor  = 30 * time.Second    // how long an endpoint must be missing to be gone
	keepGoneOf = 30 * 24 * time.Hour // how long a gone endpoint's ledger is kept
)

// missed applies a successful listing without the endpoint.
func (e *Endpoint) missed(now time.Time) {
	switch {
	case !e.missedChanges(now):
		return
	case e.row.Missed.IsZero():
		e.row.Missed = now
	case e.row.Gone.IsZero():
		e.row.Gone = now
	default:
		e.account.forget(e)
		return
	}
	e.changeRow()
}

// missedChanges reports whether one more listing without the endpoint changes
// anything.
func (e *Endpoint) missedChanges(now time.Time) bool {
	switch {
	case e.row.Missed.IsZero():
		return true
	case e.row.Gone.IsZero():
		return now.Sub(e.row.Missed).Abs() >= missedFor // the clock can have been set back
	}
	return now.Sub(e.row.Gone) >= keepGoneOf
}

// forget drops an endpoint and all that is known about it.
func (a *Account) forget(e *Endpoint) {
	e.dropped = true
	a.backlog -= e.events.backlog
	delete(a.endpoints, e.row.ID)
	delete(a.waiting, e)
	a.byID = nil
	a.dropped = append(a.dropped, e.row.ID)
}
