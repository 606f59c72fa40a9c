package ledger_test

import (
	"cmp"
	"slices"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state/storetest"
)

// checkFailed compares the failed deliveries with the model: all failing ones are there, and
// others only if they have failed before.
func (w *world) checkFailed(after, endpoint string, want *modelEndpoint) {
	keys := w.a.FailedKeys(endpoint)
	named := make(map[string]ledger.FailedDelivery)
	last := modelPosition{time: -1 << 62}
	for _, f := range w.a.FailedDeliveries(endpoint, keys) {
		at := modelEvent{id: f.EventID, time: f.Created}.position()
		if !at.after(last) {
			w.Fatalf("%s: %v comes after %v", after, at, last)
		}
		last = at
		named[f.EventID] = f
	}
	if len(named) != len(keys) {
		w.Fatalf("%s: %d failed deliveries for %d keys", after, len(named), len(keys))
	}
	for _, ev := range want.events {
		f, ok := named[ev.id]
		delete(named, ev.id)
		failing := ev.state == mOutcome && (ev.code < 200 || ev.code > 299)
		_, kept := w.a.Inside(endpoint).Kept(ev.time, ev.id)
		switch {
		case ok && (f.Healed == 0) != failing, ok != (failing || kept),
			failing && (int(f.Code) != ev.code || f.Type != ev.label || f.History != ev.history || f.Code == ledger.CodeNone && f.Reason != ev.reason),
			ok && f.Video != videoOf(ev.id):
			w.Fatalf("%s: %+v appears as %+v, %v", after, ev, f, ok)
		}
	}
	if len(named) > 0 {
		w.Fatalf("%s: failed deliveries of untracked events: %v", after, named)
	}
}

// videoOf returns the video of an event.
func videoOf(eventID string) ledger.Video {
	if len(eventID)%2 == 0 {
		return ledger.Video{ID: storetest.HexID(len(eventID)), UUID: "a0dc8dbf-3126-4805-89a1-662a33331f93"}
	}
	return ledger.Video{ID: "video of an odd event"}
}

// checkPeople compares what pages show with the model: each failing event has a failure that
// is not healed, healed events can have one, and the hours and pending events match a
// recount.
func (w *world) checkPeople(after, endpoint string, want *modelEndpoint) {
	hours := make(map[int64]ledger.Hour)
	var pending []string
	for _, ev := range want.inOrder() {
		f, kept := w.a.Inside(endpoint).Kept(ev.time, ev.id)
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
	w.checkFailed(after, endpoint, want)
	var naive []ledger.Hour
	for _, h := range hours {
		naive = append(naive, h)
	}
	slices.SortFunc(naive, func(a, b ledger.Hour) int { return cmp.Compare(a.Start, b.Start) })
	if got := w.a.Hours(endpoint); !slices.Equal(got, naive) {
		w.Fatalf("%s: hours %v, want %v", after, got, naive)
	}
	var shown []string
	for _, k := range w.a.Pending(endpoint, 1000) {
		shown = append(shown, k.EventID)
	}
	slices.Sort(shown)
	slices.Sort(pending)
	if !slices.Equal(shown, pending) {
		w.Fatalf("%s: pending %v, want %v", after, shown, pending)
	}
}
