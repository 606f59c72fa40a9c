package ledger

import "time"

// lagAfter is how long an endpoint's oldest new event can wait before every second request
// takes the newest one, so that a backlog does not hide what is happening now.
const lagAfter = 5 * 60 // seconds

// Overflowed returns how many events became unresolved since the start because more than
// Policy.MaxBacklog waited for an outcome.
func (a *Account) Overflowed() uint64 { return a.overflowed }

// bound keeps the backlog within Policy.MaxBacklog. It makes the oldest waiting events
// unresolved, except for those being fetched.
func (a *Account) bound(now time.Time) {
	if a.policy.MaxBacklog <= 0 || a.backlog <= a.policy.MaxBacklog {
		return
	}
	all := a.sorted()
	var line queue // of indices of endpoints, by their oldest event
	for n, e := range all {
		if r, ok := e.oldestIdle(); ok {
			line.push(r.at, slot(n))
		}
	}
	for a.backlog > a.policy.MaxBacklog && line.len() > 0 {
		n := line.pop().slot
		e := all[n]
		r, _ := e.oldestIdle()
		e.settle(r.slot, e.events.at(r.slot).givenUp(), now)
		a.overflowed++
		if r, ok := e.oldestIdle(); ok {
			line.push(r.at, n)
		}
	}
	for _, e := range all {
		e.events.putBack()
		e.work.compact()
	}
}

// oldestIdle returns the endpoint's oldest counted event that waits and is not being fetched.
// It puts older ones aside; putBack returns them.
func (e *Endpoint) oldestIdle() (oldest ranked, found bool) {
	if e.events.backlog == 0 || !e.account.Leads() {
		return ranked{}, false
	}
	for _, s := range []Stage{Listed, Pending} {
		q := e.events.oldest(s)
		for {
			r, ok := q.first(e.events.inStage(s))
			if !ok {
				break
			}
			if ev := e.events.at(r.slot); ev.Has(History) || e.work.isBusy(ev.Key) {
				e.events.aside = append(e.events.aside, q.pop())
				continue
			}
			if !found || r.at < oldest.at {
				oldest, found = r, true
			}
			break
		}
	}
	return oldest, found
}

// takeNew returns the oldest new event. If that one has waited too long, every second call
// returns the newest.
func (w *work) takeNew(now time.Time) (slot, bool) {
	line := &w.ready[NewEvents]
	r, ok := line.first(w.isNew)
	if !ok {
		return 0, false
	}
	if now.Unix()-w.events.at(r.slot).FirstSeen <= lagAfter {
		w.newest, w.lags, w.tookOldest = queue{}, false, false
		return line.pop().slot, true
	}
	if w.tookOldest = !w.tookOldest; w.tookOldest {
		return line.pop().slot, true
	}
	if !w.lags {
		w.lags, w.newest = true, queue{latestFirst: true}
		for _, r := range line.rows {
			w.newest.push(r.at, r.slot)
		}
	}
	if _, ok := w.newest.first(w.isNew); !ok {
		return line.pop().slot, true
	}
	return w.newest.pop().slot, true
}

// isNew reports whether a row of the queues of new events is still valid.
func (w *work) isNew(r ranked) bool {
	ev := w.events.at(r.slot)
	return ev.Stage == Listed && ev.Time == r.at && ev.class() == NewEvents && !w.isBusy(ev.Key)
}

// compact removes invalid rows from the queues of new events when most rows are invalid. In a
// growing backlog they would stay in the middle.
func (w *work) compact() {
	for _, q := range []*queue{&w.ready[NewEvents], &w.newest} {
		if q.len() <= 2*w.events.untried+smallestIndex {
			continue
		}
		rows := q.rows
		q.rows = nil
		for _, r := range rows {
			if w.isNew(r) {
				q.push(r.at, r.slot)
			}
		}
	}
}
