package ledger

import "hash/maphash"

// index finds the slot of a key. A Go map of keys takes three times the memory
// and, at a million events, most of the time of a start in cache misses: here a
// cell is 8 bytes, half a hash and the slot whose event has the key. Cells are
// probed one after the other, and one in four at least is empty.
type index struct {
	seed  maphash.Seed
	cells []uint64 // hash>>32<<32 | slot+1, 0 where empty; a power of two of them
	n     int
}

const smallestIndex = 16

func newIndex(size int) index {
	cells := smallestIndex
	for cells*3/4 < size {
		cells *= 2
	}
	return index{seed: maphash.MakeSeed(), cells: make([]uint64, cells)}
}

func (x *index) hash(k Key) uint64 { return maphash.Comparable(x.seed, k) }

func cellOf(hash uint64, i slot) uint64 { return hash>>32<<32 | uint64(i+1) }

func slotOf(cell uint64) slot { return slot(cell) - 1 }

// find returns the cell that has the key, or the empty one where it would be.
func (x *index) find(k Key, at func(slot) *Event) (cell int, found bool) {
	hash, mask := x.hash(k), len(x.cells)-1
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		c := x.cells[i]
		if c == 0 {
			return i, false
		}
		if c>>32 == hash>>32 && at(slotOf(c)).Key == k {
			return i, true
		}
	}
}

// put adds a key, and reports false where it is there already.
func (x *index) put(k Key, i slot, at func(slot) *Event) bool {
	cell, known := x.find(k, at)
	if known {
		return false
	}
	x.cells[cell] = cellOf(x.hash(k), i)
	if x.n++; x.n*4 > len(x.cells)*3 {
		old := x.cells
		x.cells = make([]uint64, 2*len(old))
		for _, c := range old {
			if c != 0 {
				x.place(x.hash(at(slotOf(c)).Key), slotOf(c))
			}
		}
	}
	return true
}

// place writes a slot into the first empty cell for its hash.
func (x *index) place(hash uint64, i slot) {
	mask := len(x.cells) - 1
	cell := int(hash) & mask
	for x.cells[cell] != 0 {
		cell = (cell + 1) & mask
	}
	x.cells[cell] = cellOf(hash, i)
}

// remove takes a key out, and moves the cells behind it up, so that a search
// still ends at the first empty one.
func (x *index) remove(k Key, at func(slot) *Event) {
	hole, found := x.find(k, at)
	if !found {
		return
	}
	x.n--
	mask := len(x.cells) - 1
	for i := (hole + 1) & mask; x.cells[i] != 0; i = (i + 1) & mask {
		home := int(x.hash(at(slotOf(x.cells[i])).Key)) & mask
		if (i-home)&mask >= (i-hole)&mask { // its home is not between the hole and it
			x.cells[hole], hole = x.cells[i], i
		}
	}
	x.cells[hole] = 0
}
