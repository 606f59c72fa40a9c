package ledger

import "iter"

// slot is an event's place in its endpoint's table, in memory and in a store.
type slot = uint32

const tableChunk = 1024

// MaxSlots is more than the events of any list; higher slots are invalid.
const MaxSlots = 1 << 26

// table holds an endpoint's events in chunks that never move, and finds them by key. Freed
// slots are reused, so a table is as large as the highest number of events tracked at once.
type table struct {
	chunks []*[tableChunk]Event
	used   slot // slots used so far
	free   []slot
	index  index
}

func newTable(size int) table { return table{index: newIndex(min(max(size, 0), MaxSlots))} }

// len returns the number of events.
func (s *table) len() int { return s.index.n }

// at returns the event in a slot; the pointer stays valid.
func (s *table) at(i slot) *Event { return &s.chunks[i/tableChunk][i%tableChunk] }

func (s *table) find(k Key) (slot, bool) {
	cell, ok := s.index.find(k, s.at)
	if !ok {
		return 0, false
	}
	return slotOf(s.index.cells[cell]), true
}

func (s *table) insert(e Event) slot {
	i := s.unused()
	*s.at(i) = e
	s.index.put(e.Key, i, s.at)
	return i
}

// unused returns a free slot. The list of free slots can contain some that put has taken.
func (s *table) unused() slot {
	for n := len(s.free); n > 0; n = len(s.free) {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		if s.at(i).Stage == Free {
			return i
		}
	}
	i := s.used
	s.grow(i)
	return i
}

// put puts an event into a given free slot. It returns false if another slot has the key.
func (s *table) put(i slot, e Event) bool {
	for s.used <= i {
		s.grow(s.used)
		if s.used <= i {
			s.free = append(s.free, s.used-1)
		}
	}
	*s.at(i) = e
	return s.index.put(e.Key, i, s.at)
}

// restore puts an event into its stored slot. It returns false if the slot is taken. No event
// can be found by its key before restored is called.
func (s *table) restore(i slot, e Event) bool {
	s.grow(i)
	if s.at(i).Stage != Free {
		return false
	}
	*s.at(i) = e
	return true
}

// grow makes the table large enough for slot i.
func (s *table) grow(i slot) {
	for int(i/tableChunk) >= len(s.chunks) {
		s.chunks = append(s.chunks, new([tableChunk]Event))
	}
	s.used = max(s.used, i+1)
}

// restored builds the index and finds the free slots, after the last restore. It returns
// false if two events have the same key; the table is then unusable.
func (s *table) restored() bool {
	s.findFree()
	cells := make([]uint64, 0, s.used)
	for i, e := range s.all() {
		cells = append(cells, s.index.cell(e.Key, i))
	}
	return s.index.load(cells, s.at)
}

// findFree lists the free slots, first one last.
func (s *table) findFree() {
	s.free = s.free[:0]
	for i := s.used; i > 0; i-- {
		if s.at(i-1).Stage == Free {
			s.free = append(s.free, i-1)
		}
	}
}

func (s *table) remove(i slot) {
	s.index.remove(s.at(i).Key, s.at)
	*s.at(i) = Event{}
	s.free = append(s.free, i)
	if len(s.free) > 2*int(s.used)+smallestIndex { // put leaves used slots in it
		s.findFree()
	}
}

// all yields the used slots, in no particular order.
func (s *table) all() iter.Seq2[slot, *Event] {
	return func(yield func(slot, *Event) bool) {
		for i := range s.used {
			if e := s.at(i); e.Stage != Free && !yield(i, e) {
				return
			}
		}
	}
}
