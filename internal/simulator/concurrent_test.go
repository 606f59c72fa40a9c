package simulator_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
)

// TestConcurrent makes all kinds of calls at once, for the race detector, and checks that
// lists are complete and in order while events are added.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	a := simulator.New(simulator.Options{})
	id := a.AddEndpoint(simulator.Endpoint{})
	a.Bulk(id, 3000, time.Second)
	s := serve(t, a)
	const rounds = 30
	work := []func(i int){
		func(int) {
			e := a.Emit(id, "video.uploaded", simulator.Responded(500))
			s.detail(id, e)
			a.SetAnswer(id, e, simulator.Responded(200))
		},
		func(i int) {
			a.Insert(id, simulator.Event{
				ID: fmt.Sprint("late ", i), Type: "late", CreatedTime: time.Now().Add(-time.Hour),
			})
			a.ForgetEvents(id, fmt.Sprint("late ", i))
		},
		func(int) {
			got := s.list(id)
			if len(got) < 3000 || !slices.IsSortedFunc(got, func(x, y event) int {
				return int(y.Created.(float64) - x.Created.(float64))
			}) {
				t.Errorf("a list of %d events, or out of order", len(got))
			}
		},
		func(int) {
			remove := a.AddFault(simulator.Fault{Operation: simulator.ListEndpoints, Do: simulator.Repeat(2)})
			s.ok("all")
			remove()
		},
		func(int) {
			a.UpdateEndpoint(id, func(e *simulator.Endpoint) { e.Active = !e.Active })
			a.Truth()
			a.Calls()
			a.MaxDetailCalls()
			a.RemoveEndpoint(a.AddEndpoint(simulator.Endpoint{}))
		},
	}
	var working sync.WaitGroup
	for _, do := range work {
		working.Go(func() {
			for i := range rounds {
				do(i)
			}
		})
	}
	working.Wait()
	if got, want := len(s.list(id)), 3000+rounds; got != want {
		t.Errorf("%d events in the end, want %d", got, want)
	}
	if got := s.Truth()[id]["video.uploaded"].Recoveries; got != rounds {
		t.Errorf("%d recoveries, want %d", got, rounds)
	}
}
