package simulator

import (
	"cmp"
	"slices"
	"time"
)

// record is an event as stored: 32 bytes, so that a million of them stay small. The rest of
// an unusual event is in history.extras.
type record struct {
	created int64 // Unix nanoseconds, the event's place in the list
	id      objectID
	video   uint32
	asked   uint32 // number of requests for the detail, atomic
	kind    uint16 // in the account's kindTable
	code    uint16 // the only answer, visible at once; 0: see extras
}

// extra is what an unusual event has besides its record.
type extra struct {
	id      string // "" if the record's id applies
	created string // raw JSON or Absent; "" for the record's seconds
	answers []Answer
}

// recordBlock is the number of records allocated at a time. They never move.
const recordBlock = 4096

// history is the events of one endpoint. Records are only ever added; a forgotten event only
// leaves the index and the order.
type history struct {
	blocks [][]record
	count  uint32
	byID   map[objectID]uint32
	byName map[string]uint32 // events whose id is not an objectID
	extras map[uint32]*extra
	order  []uint32 // listed events, oldest first
	sorted bool     // order is by creation
	mark   uint32   // the first record that Truth counts
	pages  pages
}

// at returns the n-th record, in order of arrival.
func (h *history) at(n uint32) *record {
	return &h.blocks[n/recordBlock][n%recordBlock]
}

// add adds an event.
func (h *history) add(rec record, x *extra) {
	n := h.count
	if n%recordBlock == 0 {
		h.blocks = append(h.blocks, nil)
	}
	last := &h.blocks[len(h.blocks)-1]
	if len(*last) == cap(*last) {
		// For accounts with few events, the first blocks grow by doubling.
		*last = slices.Grow(*last, min(max(64, len(*last)), recordBlock-len(*last)))
	}
	*last = append(*last, rec)
	h.count++
	if x != nil {
		if h.extras == nil {
			h.extras = make(map[uint32]*extra)
		}
		h.extras[n] = x
	}
	h.index(n)
	if len(h.order) == 0 {
		h.sorted = true
	} else if rec.created < h.at(h.order[len(h.order)-1]).created {
		h.sorted = false
	}
	h.order = append(h.order, n)
}

// index adds the n-th event to the index.
func (h *history) index(n uint32) {
	if x := h.extras[n]; x != nil && x.id != "" {
		if h.byName == nil {
			h.byName = make(map[string]uint32)
		}
		h.byName[x.id] = n
		return
	}
	if h.byID == nil {
		h.byID = make(map[objectID]uint32)
	}
	h.byID[h.at(n).id] = n
}

// find returns the number of the event with an id.
func (h *history) find(id string) (n uint32, ok bool) {
	if short, isShort := parseObjectID(id); isShort {
		n, ok = h.byID[short]
		return n, ok
	}
	n, ok = h.byName[id]
	return n, ok
}

// idOf returns the id of the n-th event.
func (h *history) idOf(n uint32) string {
	if x := h.extras[n]; x != nil && x.id != "" {
		return x.id
	}
	return h.at(n).id.String()
}

// answers returns the schedule of the n-th event.
func (h *history) answers(n uint32) []Answer {
	if code := h.at(n).code; code != 0 {
		return []Answer{Responded(int(code))}
	}
	return h.extras[n].answers
}

// sort sorts the order by creation, stably.
func (h *history) sort() {
	if h.sorted {
		return
	}
	slices.SortStableFunc(h.order, func(m, n uint32) int {
		return cmp.Compare(h.at(m).created, h.at(n).created)
	})
	h.sorted = true
	h.pages.clear()
}

// forget removes the events for which gone is true from the list and the index, and returns
// their number.
func (h *history) forget(gone func(n uint32) bool) int {
	h.sort()
	before := len(h.order)
	h.order = slices.DeleteFunc(h.order, func(n uint32) bool {
		if !gone(n) {
			return false
		}
		if x := h.extras[n]; x != nil && x.id != "" {
			delete(h.byName, x.id)
		} else {
			delete(h.byID, h.at(n).id)
		}
		return true
	})
	forgotten := before - len(h.order)
	if forgotten > 0 {
		h.pages.clear()
	}
	return forgotten
}

// age returns the age of the n-th event.
func (h *history) age(n uint32, now time.Time) time.Duration {
	return time.Duration(now.UnixNano() - h.at(n).created)
}

// reserve makes room for n more events.
func (h *history) reserve(n int) {
	if h.byID == nil {
		h.byID = make(map[objectID]uint32, n)
	}
	h.order = append(make([]uint32, 0, len(h.order)+n), h.order...)
}
