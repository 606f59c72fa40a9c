package simulator_test

import (
	"maps"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
)

// TestTruth checks the counts with schedules, retries, forgotten events and marks.
func TestTruth(t *testing.T) {
	t.Parallel()
	now := instant
	a := simulator.New(simulator.Options{Now: func() time.Time { return now }})
	id := a.AddEndpoint(simulator.Endpoint{})
	other := a.AddEndpoint(simulator.Endpoint{})
	a.Emit(id, "video.uploaded", simulator.Responded(500))
	a.Mark()
	if got := a.Truth(); len(got) != 0 {
		t.Errorf("just after the mark: %v", got)
	}

	a.Emit(id, "video.uploaded", simulator.Responded(200))
	a.Emit(id, "video.uploaded", simulator.Responded(204).After(time.Hour))
	a.Emit(id, "video.deleted", simulator.NoResponse(simulator.CauseTLS))
	a.Emit(other, "video.uploaded", simulator.Responded(700))
	healed := a.Insert(id, simulator.Event{Type: "video.uploaded", Answers: []simulator.Answer{
		simulator.Responded(200).After(3 * time.Second),
		simulator.Responded(500).After(time.Second),
		simulator.NoResponse("x").After(2 * time.Second),
	}})
	now = now.Add(3 * time.Second)
	a.SetAnswer(id, healed, simulator.Responded(404)) // after a success, so not an outcome
	a.ForgetEvents(id, healed)
	a.RemoveEndpoint(other)

	check := func(name string, got, want simulator.Tally) {
		t.Helper()
		if got.Events != want.Events || got.Recoveries != want.Recoveries ||
			!maps.Equal(got.Outcomes, want.Outcomes) || !maps.Equal(got.Latest, want.Latest) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
	truth := a.Truth()
	check("uploaded", truth[id]["video.uploaded"], simulator.Tally{
		Events: 3, Recoveries: 1,
		Outcomes: map[string]int{"200": 2, "500": 1, "none": 1},
		Latest:   map[string]int{"200": 2, "": 1},
	})
	check("sum", truth.Sum(id), simulator.Tally{
		Events: 4, Recoveries: 1,
		Outcomes: map[string]int{"200": 2, "500": 1, "none": 2},
		Latest:   map[string]int{"200": 2, "none": 1, "": 1},
	})
	check("removed endpoint", truth.Sum(other), simulator.Tally{
		Events: 1, Outcomes: map[string]int{"none": 1}, Latest: map[string]int{"none": 1},
	})
	if got := truth.Sum("").Events; got != 5 {
		t.Errorf("%d events in all, want 5", got)
	}
}

// TestBulk checks the events that Bulk creates, also between others.
func TestBulk(t *testing.T) {
	t.Parallel()
	s, id, events := small(t, 2)
	s.Bulk(id, 5000, time.Minute, simulator.Responded(200), simulator.NoResponse("x"), simulator.Responded(500))
	got := s.list(id)
	if len(got) != 5002 {
		t.Fatalf("%d events, want 5002", len(got))
	}
	if got[0].ID != events[1] || got[1].ID != events[0] {
		t.Errorf("the newest are %v, want %v", got[:2], events)
	}
	seen := make(map[string]bool)
	for i, e := range got[2:] {
		if want := instant.Add(-time.Duration(i+1) * time.Minute).Unix(); e.Created != float64(want) {
			t.Fatalf("event %d was created at %v, want %d", i, e.Created, want)
		}
		seen[e.ID] = true
	}
	if len(seen) != 5000 {
		t.Errorf("%d ids of 5000 events", len(seen))
	}
	outcomes := s.Truth().Sum(id).Outcomes
	if want := map[string]int{"200": 1669, "none": 1667, "500": 1666}; !maps.Equal(outcomes, want) {
		t.Errorf("outcomes %v, want %v", outcomes, want)
	}
	if d := s.detail(id, got[5001].ID); d.Response == nil || d.Response.StatusCode != 200 {
		t.Errorf("the oldest: %+v", d.Response)
	}
}
