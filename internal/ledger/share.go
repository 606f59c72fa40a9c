package ledger

import (
	"slices"
	"time"
)

// Where several processes share a state, one at a time may change an endpoint: the
// one that has a lease on it. The others follow what it commits. In a state that is
// not shared everything is this process's own.

// Listing is the name under which a lease on reading the account's list of endpoints
// is had. No endpoint has an empty id.
const Listing = ""

// Lease is the right to change an endpoint. Fence is higher with every lease on the
// same name, so that a store can refuse what comes from one that has ended.
type Lease struct {
	Name  string
	Fence uint64 // 0 is no lease
}

// ours reports whether this process may change the endpoint.
func (e *Endpoint) ours() bool { return !e.account.shared || e.lease.Fence != 0 }

// holds reports whether the endpoint is known and this process may change it.
func (a *Account) holds(id string) bool {
	e, ok := a.endpoints[id]
	return ok && e.ours()
}

// lease makes this process the one that changes an endpoint, as it is after all that
// others have committed. An endpoint that nobody knew is known from now on.
func (a *Account) lease(l Lease, now time.Time) {
	e := a.ensure(l.Name)
	e.lease, e.freeing, e.yields = l, false, false
	a.leased[e] = struct{}{}
	e.takeUp(now)
	e.release(now, a.policy.Hold)
}

// Affected returns the endpoints that a listing changes and that this process has
// no lease on.
func (a *Account) Affected(found []Found, now time.Time) []string {
	if !a.shared {
		return nil
	}
	var ids []string
	seen := make(map[string]struct{}, len(found))
	for i := range found {
		l := &found[i]
		seen[l.ID] = struct{}{}
		if !a.selects(l.ID) || a.holds(l.ID) {
			continue
		}
		e, known := a.endpoints[l.ID]
		if !known || e.row.Meta == nil || !e.row.Meta.equal(l.Meta) || !e.listed() {
			ids = append(ids, l.ID)
		}
	}
	for _, e := range a.sorted() {
		if _, ok := seen[e.row.ID]; !ok && !a.pins(e.row.ID) && !e.ours() && e.missedChanges(now) {
			ids = append(ids, e.row.ID)
		}
	}
	return ids
}

// Wanted returns up to so many endpoints without a lease for which there is
// something to do, among the classes that are allowed, in the order in which details
// are fetched.
func (a *Account) Wanted(now time.Time, most int, allowed func(Class) bool) []string {
	var ids []string
	if !a.shared {
		return nil
	}
	for class := range classes {
		if !allowed(class) {
			continue
		}
		for _, e := range a.sorted() {
			if len(ids) == most {
				return ids
			}
			if !e.ours() && e.fetchable() && e.waiting(class, now) && !slices.Contains(ids, e.row.ID) {
				ids = append(ids, e.row.ID)
			}
		}
	}
	return ids
}

// waiting reports whether there is a detail of the class to fetch, or, as the last
// thing to do, a hold to end.
func (e *Endpoint) waiting(class Class, now time.Time) bool {
	if class == FailedEvents {
		_, ok := e.retryable(now)
		return ok
	}
	if class == HistoryEvents && e.releasable(now) {
		return true
	}
	_, ok := e.work.ready[class].first(func(r ranked) bool {
		ev := e.slab.at(r.slot)
		due, wanted := ev.due()
		return wanted && ev.Time == r.at && ev.class() == class && due <= now.Unix()
	})
	return ok
}

// releasable reports whether a hold is over.
func (e *Endpoint) releasable(now time.Time) bool {
	if e.held == 0 {
		return false
	}
	hold := e.account.policy.Hold
	for _, s := range e.counters {
		if !s.Released && s.due(now, hold) {
			return true
		}
	}
	return e.latency != nil && !e.latency.Released && e.latency.due(now, hold)
}

// Use keeps the lease on an endpoint while a list is read; Unuse ends that.
func (a *Account) Use(id string) {
	if e, ok := a.endpoints[id]; ok {
		e.uses++
	}
}

// Unuse undoes one Use.
func (a *Account) Unuse(id string) {
	if e, ok := a.endpoints[id]; ok && e.uses > 0 {
		e.uses--
	}
}

// free gives back the leases of endpoints for which nothing is left to do once the
// batch is durable.
func (a *Account) free(b *Batch, now time.Time) {
	for e := range a.leased {
		if e.uses > 0 || len(e.work.busy) > 0 || !e.yields && e.fetchable() && e.anything(now) {
			continue
		}
		b.need(e.lease) // one that was lost has others' changes behind it, which are not known here
		b.free(e.lease)
		e.lease, e.freeing = Lease{}, true
		delete(a.leased, e)
	}
}

// yield makes this process give a lease back before its work is done, and reports
// whether it does from now on: what another one wants to read must not wait for a long
// backlog, which it can go on with. What is being read, or was a moment ago, is what
// the other one waits for.
func (a *Account) yield(name string, now time.Time) bool {
	e, ok := a.endpoints[name]
	if !ok || e.yields || e.lease.Fence == 0 || e.uses > 0 || now.Sub(e.done.at) < leaseSoon {
		return false
	}
	e.yields = true
	return true
}

// freed ends what free began, once the batch is durable.
func (a *Account) freed(b *Batch) {
	for id := range b.Freed {
		if e, ok := a.endpoints[id]; ok {
			e.freeing = false
		}
	}
}

// anything reports whether there is a detail to fetch now, or soon.
func (e *Endpoint) anything(now time.Time) bool {
	soon := now.Add(leaseSoon)
	for class := range classes {
		if e.waiting(class, soon) {
			return true
		}
	}
	at, ok := e.nextDue()
	return ok && at <= soon.Unix()
}

// leaseSoon is how near the next detail must be for a lease to be kept.
const leaseSoon = 2 * time.Second
