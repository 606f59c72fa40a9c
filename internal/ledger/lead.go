package ledger

import "time"

// If replicas share a state, one at a time leads: it has the account's lease, and
// only it changes the account. The others follow its commits. A process whose state is not
// shared always leads.

// leaseSoon is how soon the next detail must be due for the lease to be kept.
const leaseSoon = 2 * time.Second

// Leads reports whether this replica can change the account.
func (a *Account) Leads() bool { return !a.shared || a.fence != 0 }

// Lead makes this replica the one that changes the account, which must be up to date with all
// commits of others.
func (a *Account) Lead(fence uint64, now time.Time) {
	a.fence = fence
	a.Pin()
	for _, e := range a.endpoints {
		e.adapt(now)
		e.counters.release(now, a.policy.Hold)
	}
}

// Resign ends a lead. Tasks and reads under way no longer change the account, and the events
// of the tasks are asked for again.
func (a *Account) Resign() {
	a.fence = 0
	for _, e := range a.endpoints {
		for key := range e.work.busy {
			e.work.setBusy(key, false)
			if i, ok := e.events.find(key); ok {
				e.work.schedule(i)
			}
		}
	}
}

// Rests reports whether no detail is under way or due soon, and no hold is over.
func (a *Account) Rests(now time.Time) bool {
	soon := now.Add(leaseSoon)
	for _, e := range a.endpoints {
		if len(e.work.busy) > 0 || e.fetchable() && e.anything(soon) {
			return false
		}
	}
	return true
}

// anything reports whether there will be a detail to fetch, or a hold to end, by a time.
func (e *Endpoint) anything(then time.Time) bool {
	for class := range classes {
		if e.work.waiting(class, then) {
			return true
		}
	}
	at, ok := e.work.nextDue()
	return ok && at <= then.Unix() || e.counters.releasable(then, e.account.policy.Hold)
}

// waiting reports whether there is a detail of a class to fetch.
func (w *work) waiting(class Class, now time.Time) bool {
	if class == FailedEvents {
		_, ok := w.retryable(now)
		return ok
	}
	_, ok := w.ready[class].first(func(r ranked) bool {
		ev := w.events.at(r.slot)
		due, wanted := ev.due()
		return wanted && w.class(ev) == class && ev.rank(class) == r.at && due <= now.Unix()
	})
	return ok
}
