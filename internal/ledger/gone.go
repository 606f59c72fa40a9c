package ledger

import "time"

const (
	missedFor  = time.Minute         // how long an endpoint must be missing to be gone
	keepGoneOf = 30 * 24 * time.Hour // how long a gone endpoint's ledger is kept
)

// missed takes in a successful listing without the endpoint.
func (e *Endpoint) missed(now time.Time) {
	switch {
	case e.row.Missed.IsZero():
		e.row.Missed = now
	case e.row.Gone.IsZero() && now.Sub(e.row.Missed).Abs() >= missedFor: // the clock may have been set back
		e.row.Gone = now
	case !e.row.Gone.IsZero() && now.Sub(e.row.Gone) >= keepGoneOf:
		e.account.forget(e)
		return
	default:
		return
	}
	e.changeRow()
}

// forget drops an endpoint with all that is known of it.
func (a *Account) forget(e *Endpoint) {
	e.dropped = true
	delete(a.endpoints, e.row.ID)
	a.byID = nil
	a.dropped = append(a.dropped, e.row.ID)
}
