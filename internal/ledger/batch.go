package ledger

// Batch returns the changes since the last batch. Its rows share nothing with the account.
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

// unstored reports whether rows differ from those of the last batch.
func (e *Endpoint) unstored() bool {
	return e.changedRow || len(e.counters.changed) > 0 || len(e.events.changed) > 0 ||
		len(e.failures.changed) > 0 || len(e.traces.changed) > 0
}

func (e *Endpoint) batch(b *Batch) {
	if !e.unstored() {
		return
	}
	e.version++
	e.last = nil
	if e.changedRow {
		e.changedRow = false
		e.row.Tracked = e.events.len()
		b.Endpoints = append(b.Endpoints, e.row.Clone())
	}
	e.counters.batch(b)
	e.events.batch(b)
	e.failures.batch(b)
	e.traces.batch(b)
}
