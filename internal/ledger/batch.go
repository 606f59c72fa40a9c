package ledger

import "slices"

// rows returns 0 if there is nothing to store.
func (c *changes) rows() int {
	n := len(c.counters) + len(c.events) + len(c.failures) + len(c.traces)
	if c.row {
		n++
	}
	if c.latency {
		n++
	}
	return n
}

// Batch takes what has changed since the last one. Its rows share nothing with
// the account.
func (a *Account) Batch() *Batch {
	b := &Batch{Dropped: a.dropped, Failed: a.failed, Fence: a.fence}
	a.failed = nil
	a.dropped = nil
	if a.changedRow {
		row := a.row.Clone()
		b.Account, a.changedRow = &row, false
	}
	for _, e := range a.marked {
		e.marked = false
		if !e.dropped {
			e.batch(b)
		}
	}
	a.marked = nil
	return b
}

func (e *Endpoint) batch(b *Batch) {
	if e.changed.rows() == 0 {
		return
	}
	e.version++
	e.last = nil
	if e.changed.row {
		e.row.Tracked = e.table.len()
		b.Endpoints = append(b.Endpoints, e.row.Clone())
	}
	for key := range e.changed.counters {
		s := e.counters[key]
		b.Counters = append(b.Counters, CounterRow{e.row.ID, key, s.value, s.Born, s.Released, s.exemplar})
	}
	if l := e.latency; l != nil && e.changed.latency {
		b.Latencies = append(b.Latencies, LatencyRow{e.row.ID, l.counts, l.Born, l.Released})
	}
	slices.Sort(e.changed.events)
	for _, i := range slices.Compact(e.changed.events) {
		ev := *e.table.at(i)
		row := EventRow{Endpoint: e.row.ID, Slot: i, Event: ev, Relisted: e.relists[i]}
		if ev.Stage != Free && ev.Key.Hashed() {
			row.ID = e.ids[ev.Key]
		}
		b.Events = append(b.Events, row)
	}
	for at := range e.changed.failures {
		f, _ := e.failures.find(at)
		b.Failures = append(b.Failures, FailureRow{e.row.ID, at.Time, at.Key, f})
	}
	for at := range e.changed.traces {
		b.Traces = append(b.Traces, e.traceRow(at))
	}
	e.changed = noChanges()
}
