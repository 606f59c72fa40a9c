package ledger

import "hash/maphash"

// index finds the slot of a key. A Go map would take three times the memory and, at a million
// events, most of a start in cache misses. A cell here is 8 bytes: half of the key's hash,
// and the slot of the event with the key. Cells are probed in sequence, and at least one in
// four is empty. The half of the hash also determines where a search starts, so that cells
// can move without looking at keys.
type index struct {
	seed  maphash.Seed
	cells []uint64 // hash<<32 | slot+1, 0 if empty; the length is a power of two
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

// cell returns the cell for a key in a slot.
func (x *index) cell(k Key, i slot) uint64 {
	return maphash.Comparable(x.seed, k)<<32 | uint64(i+1)
}

func slotOf(cell uint64) slot { return slot(cell) - 1 }

// home returns where the search for a cell starts.
func (x *index) home(cell uint64) int { return int(cell>>32) & (len(x.cells) - 1) }

// find returns the cell with the key, or the empty one where it would be.
func (x *index) find(k Key, at func(slot) *Event) (cell int, found bool) {
	return x.search(x.cell(k, 0), k, at)
}

func (x *index) search(want uint64, k Key, at func(slot) *Event) (cell int, found bool) {
	for i, mask := x.home(want), len(x.cells)-1; ; i = (i + 1) & mask {
		c := x.cells[i]
		if c == 0 {
			return i, false
		}
		if c>>32 == want>>32 && at(slotOf(c)).Key == k {
			return i, true
		}
	}
}

// put adds a key. It returns false if the key is already there.
func (x *index) put(k Key, i slot, at func(slot) *Event) bool {
	c := x.cell(k, i)
	cell, known := x.search(c, k, at)
	if known {
		return false
	}
	x.cells[cell] = c
	if x.n++; x.n*4 > len(x.cells)*3 {
		old := x.cells
		x.cells = make([]uint64, 2*len(old))
		for _, c := range old {
			if c != 0 {
				x.place(c)
			}
		}
	}
	return true
}

// place writes a cell to the first empty place for it.
func (x *index) place(c uint64) {
	i, mask := x.home(c), len(x.cells)-1
	for x.cells[i] != 0 {
		i = (i + 1) & mask
	}
	x.cells[i] = c
}

// indexParts is the number of parts into which a load sorts the index, so that each part is
// filled while it is in the processor's cache.
const indexParts = 1024

// load adds the cells of many keys at once, in a third of the time of adding them one by one.
// It returns false if two have the same key; the index is then unusable. The cells must be
// all that the index will hold.
func (x *index) load(cells []uint64, at func(slot) *Event) bool {
	for len(x.cells)*3/4 < len(cells) {
		x.cells = make([]uint64, 2*len(x.cells))
	}
	shift := 0
	for len(x.cells)>>shift > indexParts {
		shift++
	}
	var ends [indexParts + 1]int
	for _, c := range cells {
		ends[x.home(c)>>shift+1]++
	}
	for i := range indexParts {
		ends[i+1] += ends[i]
	}
	sorted := make([]uint64, len(cells))
	for _, c := range cells {
		part := x.home(c) >> shift
		sorted[ends[part]] = c
		ends[part]++
	}
	mask := len(x.cells) - 1
	for _, c := range sorted {
		i := x.home(c)
		for ; x.cells[i] != 0; i = (i + 1) & mask {
			if other := x.cells[i]; other>>32 == c>>32 && at(slotOf(other)).Key == at(slotOf(c)).Key {
				return false
			}
		}
		x.cells[i] = c
	}
	x.n = len(cells)
	return true
}

// remove removes a key, and moves the cells after it up, so that a search still ends at the
// first empty one.
func (x *index) remove(k Key, at func(slot) *Event) {
	hole, found := x.find(k, at)
	if !found {
		return
	}
	x.n--
	mask := len(x.cells) - 1
	for i := (hole + 1) & mask; x.cells[i] != 0; i = (i + 1) & mask {
		home := x.home(x.cells[i])
		if (i-home)&mask >= (i-hole)&mask { // its home is not between the hole and it
			x.cells[hole], hole = x.cells[i], i
		}
	}
	x.cells[hole] = 0
}
