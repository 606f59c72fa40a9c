package ledger

import (
	"math"
	"time"
)

// forget folds and drops the events up to edge, which the cutoff has passed, and untrusted
// ones that were not listed for a window. Counted events without an outcome stay. Right after
// contact, the cutoff is far above the edge: history that is younger than a window fills the
// gauges.
func (e *Endpoint) forget(edge int64, now time.Time) {
	listedSince := now.Add(-e.account.policy.Window - relistEvery).Unix()
	until := edge
	if len(e.events.relists) > 0 {
		until = math.MaxInt64
	}
	e.events.order.prune(until, func(i slot) bool {
		ev := e.events.at(i)
		last, untrusted := e.events.relists[i]
		switch {
		case !untrusted && ev.Time > edge, untrusted && last > listedSince:
			return false
		case !ev.Has(History) && ev.Waiting():
			return false
		}
		e.drop(i)
		return true
	})
}

func (e *Endpoint) drop(i slot) {
	ev := e.events.at(i)
	if ev.Resolved() {
		e.row.Standing.forget(ev)
		e.changeRow()
	}
	e.traces.remove(ev)
	e.events.remove(i)
}
