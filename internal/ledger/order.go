package ledger

import (
	"cmp"
	"slices"
)

// order keeps slots sorted by position. Slots that arrive are sorted in when the
// order is next looked at, all at once, because lists arrive newest first.
type order struct {
	slab    *slab
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
	first := o.slab.at(o.arrived[0]).position()
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

// sortArrived sorts what arrived with the times side by side: a million events lie
// too far apart in memory to be looked at twenty times each.
func (o *order) sortArrived() {
	rows := make([]ranked, len(o.arrived))
	for n, i := range o.arrived {
		rows[n] = ranked{o.slab.at(i).Time, i}
	}
	slices.SortFunc(rows, func(a, b ranked) int {
		if a.at != b.at {
			return cmp.Compare(a.at, b.at)
		}
		return o.compare(a.slot, b.slot)
	})
	for n := range rows {
		o.arrived[n] = rows[n].slot
	}
}

// between returns the slots whose time is above after and at most until.
func (o *order) between(after, until int64) []slot {
	slots := o.slots()
	return slots[o.later(after):o.later(until)]
}

// later returns the index of the first sorted slot whose time is above t.
func (o *order) later(t int64) int {
	i, _ := slices.BinarySearchFunc(o.sorted, t, func(s slot, t int64) int {
		if o.slab.at(s).Time > t {
			return 1
		}
		return -1
	})
	return i
}

// above returns the index of the first sorted slot that is not before p.
func (o *order) above(p position) int {
	i, _ := slices.BinarySearchFunc(o.sorted, p, func(s slot, p position) int {
		return o.slab.at(s).position().compare(p)
	})
	return i
}

// prune drops slots for which drop says so among those up to time until; drop
// sees them in order, before they are removed from the slab.
func (o *order) prune(until int64, drop func(slot) bool) {
	slots := o.slots()
	end := o.later(until)
	kept := slices.DeleteFunc(slots[:end:end], drop)
	start := end - len(kept)
	copy(slots[start:end], kept)
	o.sorted = slots[start:]
}

// remove takes slots out, before they are removed from the slab.
func (o *order) remove(out map[slot]struct{}) {
	o.sorted = slices.DeleteFunc(o.slots(), func(i slot) bool {
		_, gone := out[i]
		return gone
	})
}

func (o *order) compare(a, b slot) int {
	return o.slab.at(a).position().compare(o.slab.at(b).position())
}

// failures keeps the failing events in order of creation.
type failures struct {
	slab  *slab
	slots []slot
}

func (f *failures) search(p position) (int, bool) {
	return slices.BinarySearchFunc(f.slots, p, func(s slot, p position) int {
		return f.slab.at(s).position().compare(p)
	})
}

func (f *failures) add(i slot) {
	p := f.slab.at(i).position()
	if n := len(f.slots); n == 0 || f.slab.at(f.slots[n-1]).position().compare(p) < 0 {
		f.slots = append(f.slots, i)
		return
	}
	at, found := f.search(p)
	if !found {
		f.slots = slices.Insert(f.slots, at, i)
	}
}

func (f *failures) remove(i slot) {
	switch at, found := f.search(f.slab.at(i).position()); {
	case !found:
	case at == 0: // the oldest are forgotten one after the other
		f.slots = f.slots[1:]
	default:
		f.slots = slices.Delete(f.slots, at, at+1)
	}
}

// after counts the failures that were created after p.
func (f *failures) after(p position) int {
	at, found := f.search(p)
	if found {
		at++
	}
	return len(f.slots) - at
}

// newest returns up to n failures, the newest last.
func (f *failures) newest(n int) []slot { return f.slots[max(0, len(f.slots)-n):] }
