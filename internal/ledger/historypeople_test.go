package ledger

import (
	"cmp"
	"slices"
)

// checkPeople compares what is kept for people with the model: exactly the events
// that fail have an unhealed failure, those that healed may have one, and hours
// and pending events are those of a count anew.
func (w *world) checkPeople(after string, e *Endpoint, want *modelEndpoint) {
	hours := make(map[int64]Hour)
	var pending []string
	for _, ev := range want.inOrder() {
		f, kept := e.kept.find(position{ev.time, KeyOf([]byte(ev.id))})
		failing := ev.state == mOutcome && (ev.code < 200 || ev.code > 299)
		switch {
		case failing && (!kept || f.Healed != 0 || int(f.Code) != ev.code || f.EventID != ev.id || f.Type != ev.label || f.History != ev.history):
			w.Fatalf("%s: %+v is kept as %+v", after, ev, f)
		case !failing && kept && (ev.state != mOutcome || f.Healed == 0):
			w.Fatalf("%s: %+v is kept as %+v", after, ev, f)
		}
		if ev.state == mPending {
			pending = append(pending, ev.id)
		}
		if ev.state == mOutcome {
			start := ev.time - (ev.time%3600+3600)%3600
			h := hours[start]
			if h.Start = start; failing {
				h.Failed++
			} else {
				h.Delivered++
			}
			hours[start] = h
		}
	}
	var naive []Hour
	for _, h := range hours {
		naive = append(naive, h)
	}
	slices.SortFunc(naive, func(a, b Hour) int { return cmp.Compare(a.Start, b.Start) })
	if got := e.hours.all(); !slices.Equal(got, naive) {
		w.Fatalf("%s: hours %v, want %v", after, got, naive)
	}
	var shown []string
	for _, k := range w.a.Pending(e.row.ID, 1000) {
		shown = append(shown, k.EventID)
	}
	slices.Sort(shown)
	slices.Sort(pending)
	if !slices.Equal(shown, pending) {
		w.Fatalf("%s: pending %v, want %v", after, shown, pending)
	}
}
