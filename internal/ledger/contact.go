package ledger

import (
	"math"
	"time"
)

// oldEnough is the age from which an endpoint probably has events.
const oldEnough = time.Minute

// doubts reports whether an empty list does not make contact yet. An older endpoint needs
// two.
func (e *Endpoint) doubts(r *Read) bool {
	if r.count > 0 || e.reads.empty != 0 {
		return false
	}
	if e.row.Meta != nil && !e.row.Meta.CreatedAt.IsZero() && r.present-e.row.Meta.CreatedAt.Unix() <= seconds(oldEnough) {
		return false
	}
	e.reads.empty = r.present
	return true
}

// contact makes contact. Events listed so far are history, unless they are known to be new.
// From now on, an unknown event is new if it is newer than cutoff.
func (e *Endpoint) contact(cutoff int64, now time.Time) {
	e.row.Contact, e.row.Cutoff = now, cutoff
	e.changeRow()
	e.seed(now)
	for _, i := range e.events.order.between(e.news(), math.MaxInt64) {
		e.count(i, now)
	}
	e.account.enqueue(HistoryEvents, e)
}

// news returns the creation time above which events listed at contact are new: an earlier
// empty list did not have them, or the policy says so.
func (e *Endpoint) news() int64 {
	news := int64(math.MaxInt64)
	if e.reads.empty != 0 {
		news = e.reads.empty - 1
	}
	if a := e.account; a.policy.CountSince > 0 && a.row.Resets == 0 && a.row.Era == 0 {
		news = min(news, a.row.Created.Add(-a.policy.CountSince).Unix())
	}
	return news
}

// count turns an event of the history into a new one.
func (e *Endpoint) count(i slot, now time.Time) {
	next := *e.events.at(i)
	if next.Has(Untrusted) || !next.Has(History) {
		return
	}
	next.Flags &^= History
	e.events.replace(i, next)
	e.countEvent(next.Type, now)
}

// gap reports whether a complete list proves that events were missed: it has none of the
// known events, and all its events are newer than the newest known one. After a list that was
// empty a moment ago, nothing is missed.
func (e *Endpoint) gap(r *Read, now time.Time) bool {
	if !e.contacted() || e.row.StopMark == 0 || !r.trusted || r.known || r.lowest <= e.row.StopMark {
		return false
	}
	wasEmpty := e.row.Listed == 0 && now.Sub(e.row.LastSufficient) <= e.account.policy.Overlap
	return !wasEmpty
}

// seed creates the counters that are shown from contact on.
func (e *Endpoint) seed(now time.Time) {
	if !e.contacted() {
		return
	}
	var types []TypeID
	if e.row.Meta != nil {
		for _, raw := range e.row.Meta.Events {
			types = append(types, e.account.resolveType(raw))
		}
	}
	for _, last := range e.row.LastEvent {
		types = append(types, last.Type)
	}
	e.counters.seed(types, now)
}
