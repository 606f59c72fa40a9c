package ledger

import (
	"cmp"
	"slices"
)

// Hour counts the tracked events with an outcome that were created within an
// hour.
type Hour struct {
	Start     int64 // Unix seconds, a multiple of 3600
	Delivered int   // 2xx
	Failed    int
}

const hourSeconds = 3600

// hours maintains these counts as events come, change and go, so that a chart of the window
// costs nothing but its bars. It has no hours without events.
type hours struct {
	cells map[int64]*Hour
	last  *Hour // of the previous event, usually this one's too
}

func (h *hours) tally(e *Event, n int) {
	if !e.Resolved() {
		return
	}
	start := e.Time - (e.Time%hourSeconds+hourSeconds)%hourSeconds
	cell := h.last
	if cell == nil || cell.Start != start {
		if cell = h.cells[start]; cell == nil {
			cell = &Hour{Start: start}
			h.cells[start] = cell
		}
		h.last = cell
	}
	if e.Code.Success() {
		cell.Delivered += n
	} else {
		cell.Failed += n
	}
	if cell.Delivered == 0 && cell.Failed == 0 {
		delete(h.cells, start)
		h.last = nil
	}
}

// all returns the hours in order.
func (h *hours) all() []Hour {
	out := make([]Hour, 0, len(h.cells))
	for _, cell := range h.cells {
		out = append(out, *cell)
	}
	slices.SortFunc(out, func(a, b Hour) int { return cmp.Compare(a.Start, b.Start) })
	return out
}
