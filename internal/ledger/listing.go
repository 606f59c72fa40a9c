package ledger

import (
	"fmt"
	"time"
)

// Found is one endpoint of a successful listing of the account.
type Found struct {
	ID        string
	CompanyID string
	Meta      Meta
}

// HasCompany reports whether the account's company is known.
func (a *Account) HasCompany() bool { return a.row.CompanyID != "" }

// Belongs returns an error that wraps [ErrOtherCompany] if a listing is of another account
// than this shared state. The two would be counted as one.
func (a *Account) Belongs(found []Found) error {
	if !a.shared || a.row.CompanyID == "" {
		return nil
	}
	other := ""
	for _, l := range found {
		switch l.CompanyID {
		case a.row.CompanyID:
			return nil
		case "":
		default:
			other = l.CompanyID
		}
	}
	if other == "" {
		return nil
	}
	return fmt.Errorf("%w: it is of the company %s, the API key of %s; give each account its own --state.schema", ErrOtherCompany, a.row.CompanyID, other)
}

// List applies a successful listing of the account, answered at date, which is zero if the
// answer had none. It reports whether the listing is believed: an empty one of an account
// that had endpoints is not, for the first 10 minutes, and changes nothing.
func (a *Account) List(found []Found, date, now time.Time) (believed bool) {
	if !a.Leads() {
		return true
	}
	if date.IsZero() {
		date = now
	}
	if a.emptied(found, now) {
		return false
	}
	seen := make(map[string]struct{}, len(found))
	for _, l := range found {
		seen[l.ID] = struct{}{}
		if l.CompanyID != "" && l.CompanyID != a.row.CompanyID {
			a.row.CompanyID = l.CompanyID
			a.changedRow = true
		}
		if a.selects(l.ID) {
			a.found(l, date, now)
		}
	}
	for id, e := range a.endpoints {
		if _, ok := seen[id]; !ok && !a.pins(id) {
			e.missed(now)
		}
	}
	a.row.LastListing = present(date, now)
	a.changedRow = true
	return true
}

// emptied reports whether a listing is empty, but not for long enough to be believed.
func (a *Account) emptied(found []Found, now time.Time) bool {
	had := false
	for _, e := range a.endpoints {
		had = had || e.row.Meta != nil && e.row.Gone.IsZero()
	}
	if len(found) > 0 || !had {
		a.emptySince = time.Time{}
		return false
	}
	if a.emptySince.IsZero() || now.Before(a.emptySince) {
		a.emptySince = now
	}
	return now.Sub(a.emptySince) < emptyFor
}

// LastListing returns the time of the last listing that [Account.List] has applied; zero
// before the first one.
func (a *Account) LastListing() time.Time { return a.row.LastListing }

// found applies one endpoint of a listing.
func (a *Account) found(l Found, date, now time.Time) {
	e := a.ensure(l.ID)
	first := e.row.Meta == nil
	if first || !e.row.Meta.equal(l.Meta) {
		meta := l.Meta
		e.row.Meta = &meta
		e.changeRow()
		for _, raw := range meta.Events {
			a.resolveType(raw)
		}
		e.seed(now)
	}
	if !e.listed() {
		e.row.Missed, e.row.Gone = time.Time{}, time.Time{}
		e.changeRow()
		for class := range classes {
			a.enqueue(class, e)
		}
	}
	last := a.row.LastListing
	created := l.Meta.CreatedAt
	if first && !e.contacted() && !last.IsZero() && created.After(last) && !created.After(date.Add(trustAhead)) {
		e.contact(0, now) // created between two listings, so it has no history
	}
}
