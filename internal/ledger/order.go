package ledger

import (
	"bytes"
	"cmp"
	"slices"
)

// order keeps slots sorted by position. Slots that arrive are sorted in all at once, when the
// order is next used, because lists arrive newest first.
type order struct {
	table   *table
	sorted  []slot
	arrived []slot
}

func (o *order) add(i slot) { o.arrived = append(o.arrived, i) }

// slots returns all slots in order; the slice is valid until the next change.
func (o *order) slots() []slot {
	if len(o.arrived) == 0 {
		return o.sorted
	}
	o.sortArrived()
	first := o.table.at(o.arrived[0]).position()
	keep := o.above(first) // everything from here on must be merged
	tail := slices.Clone(o.sorted[keep:])
	o.sorted = slices.Grow(o.sorted[:keep], len(tail)+len(o.arrived))
	for len(tail) > 0 && len(o.arrived) > 0 {
		from := &tail
		if o.compare(o.arrived[0], tail[0]) < 0 {
			from = &o.arrived
		}
		o.sorted = append(o.sorted, (*from)[0])
		*from = (*from)[1:]
	}
	o.sorted = append(append(o.sorted, tail...), o.arrived...)
	o.arrived = nil
	return o.sorted
}

// sortArrived sorts the arrived slots with their times side by side, because a million events
// are too far apart in memory to look at each twenty times.
func (o *order) sortArrived() {
	rows := make([]ranked, len(o.arrived))
	for n, i := range o.arrived {
		rows[n] = ranked{o.table.at(i).Time, i}
	}
	rows = sortRanked(rows)
	for n := range rows {
		o.arrived[n] = rows[n].slot
	}
	for from := 0; from < len(rows); { // those of the same second, by key
		to := from + 1
		for to < len(rows) && rows[to].at == rows[from].at {
			to++
		}
		if to > from+1 {
			slices.SortFunc(o.arrived[from:to], o.compare)
		}
		from = to
	}
}

// between returns the slots with a time above after and at most until.
func (o *order) between(after, until int64) []slot {
	slots := o.slots()
	return slots[o.later(after):o.later(until)]
}

// later returns the index of the first sorted slot with a time above t.
func (o *order) later(t int64) int {
	i, _ := slices.BinarySearchFunc(o.sorted, t, func(s slot, t int64) int {
		if o.table.at(s).Time > t {
			return 1
		}
		return -1
	})
	return i
}

// above returns the index of the first sorted slot that is not before p.
func (o *order) above(p position) int {
	i, _ := slices.BinarySearchFunc(o.sorted, p, func(s slot, p position) int {
		return o.table.at(s).position().compare(p)
	})
	return i
}

// prune drops the slots up to time until for which drop returns true. drop sees them in
// order, before they are removed from the table.
func (o *order) prune(until int64, drop func(slot) bool) {
	slots := o.slots()
	end := o.later(until)
	kept := slices.DeleteFunc(slots[:end:end], drop)
	start := end - len(kept)
	copy(slots[start:end], kept)
	o.sorted = slots[start:]
}

// remove removes slots, before they are removed from the table.
func (o *order) remove(out map[slot]struct{}) {
	o.sorted = slices.DeleteFunc(o.slots(), func(i slot) bool {
		_, gone := out[i]
		return gone
	})
}

func (o *order) compare(a, b slot) int {
	x, y := o.table.at(a), o.table.at(b)
	if x.Time != y.Time {
		return cmp.Compare(x.Time, y.Time)
	}
	return bytes.Compare(x.Key[:], y.Key[:])
}

const (
	sortDigit = 11 // bits
	fewRows   = 1 << sortDigit
)

// sortRanked sorts rows by time, stably. Many rows are sorted digit by digit; a month has two
// digits of seconds.
func sortRanked(rows []ranked) []ranked {
	if len(rows) < fewRows {
		slices.SortStableFunc(rows, func(a, b ranked) int { return cmp.Compare(a.at, b.at) })
		return rows
	}
	first, last := rows[0].at, rows[0].at
	for _, r := range rows {
		first, last = min(first, r.at), max(last, r.at)
	}
	next := make([]ranked, len(rows))
	span := uint64(last) - uint64(first)
	for shift := 0; span>>shift > 0; shift += sortDigit {
		digit := func(r ranked) uint64 {
			return (uint64(r.at) - uint64(first)) >> shift % (1 << sortDigit)
		}
		var ends [1<<sortDigit + 1]int
		for _, r := range rows {
			ends[digit(r)+1]++
		}
		for i := range 1 << sortDigit {
			ends[i+1] += ends[i]
		}
		for _, r := range rows {
			d := digit(r)
			next[ends[d]] = r
			ends[d]++
		}
		rows, next = next, rows
	}
	return rows
}

// failingEvents holds the events whose latest outcome is a failure, in order of creation.
type failingEvents struct {
	table *table
	slots []slot
}

func (f *failingEvents) search(p position) (int, bool) {
	return slices.BinarySearchFunc(f.slots, p, func(s slot, p position) int {
		return f.table.at(s).position().compare(p)
	})
}

func (f *failingEvents) add(i slot) {
	p := f.table.at(i).position()
	if n := len(f.slots); n == 0 || f.table.at(f.slots[n-1]).position().compare(p) < 0 {
		f.slots = append(f.slots, i)
		return
	}
	at, found := f.search(p)
	if !found {
		f.slots = slices.Insert(f.slots, at, i)
	}
}

func (f *failingEvents) remove(i slot) {
	switch at, found := f.search(f.table.at(i).position()); {
	case !found:
	case at == 0: // the oldest are forgotten one after another
		f.slots = f.slots[1:]
	default:
		f.slots = slices.Delete(f.slots, at, at+1)
	}
}

// after returns the number of failures created after p.
func (f *failingEvents) after(p position) int {
	at, found := f.search(p)
	if found {
		at++
	}
	return len(f.slots) - at
}

// newest returns up to n failures, newest last.
func (f *failingEvents) newest(n int) []slot { return f.slots[max(0, len(f.slots)-n):] }
