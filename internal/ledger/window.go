package ledger

import "time"

// outcomeKey is the label set of a window gauge.
type outcomeKey struct {
	Type TypeID
	Code Code
}

// window counts the events created within a time span by their latest outcome. Its edge
// follows the given clock, forwards and backwards, and touches only the events that it
// passes.
type window struct {
	length time.Duration
	edge   int64 // Unix seconds; later events are inside
	counts map[outcomeKey]int
}

// tally adds n to the count of an event with an outcome that is inside.
func (w *window) tally(e *Event, n int) {
	if !e.Resolved() || e.Time <= w.edge {
		return
	}
	w.counts[outcomeKey{e.Type, e.Code}] += n
}

// advance moves the edge for a clock.
func (w *window) advance(now time.Time, o *order) {
	edge := now.Add(-w.length).Unix()
	switch {
	case edge > w.edge:
		for _, i := range o.between(w.edge, edge) {
			w.tally(o.table.at(i), -1)
		}
		w.edge = edge
	case edge < w.edge:
		back := o.between(edge, w.edge)
		w.edge = edge
		for _, i := range back {
			w.tally(o.table.at(i), 1)
		}
	}
}
