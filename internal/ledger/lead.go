package ledger

import "time"

// Where several processes share a state, one at a time leads: it has the account's
// lease, and only it changes the account. The others follow what it commits. In a
// state that is not shared this process always leads.

// leaseSoon is how near the next detail must be for the lease to be kept.
const leaseSoon = 2 * time.Second

// Leads reports whether this process may change the account.
func (a *Account) Leads() bool { return !a.shared || a.fence != 0 }

// Lead makes this process the one that changes the account, as it is after all that
// others have committed.
func (a *Account) Lead(fence uint64, now time.Time) {
	a.fence = fence
	a.Pin()
	for _, e := range a.endpoints {
		e.takeUp(now)
		e.counters.release(now, a.policy.Hold)
	}
}

// Resign ends what Lead began. Tasks and reads under way no longer change the account, and
// the events of the tasks are asked for again.
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

// anything reports whether there is a detail to fetch by then, or a hold to end.
func (e *Endpoint) anything(then time.Time) bool {
	for class := range classes {
		if e.work.waiting(class, then) {
			return true
		}
	}
	at, ok := e.work.nextDue()
	return ok && at <= then.Unix() || e.counters.releasable(then, e.account.policy.Hold)
}

// waiting reports whether there is a detail of the class to fetch.
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
