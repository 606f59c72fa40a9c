package ledger

import (
	"slices"
	"testing"
	"time"
)

// The answer to a call that outlasts its lease is ignored. Whatever its class, the event is
// asked for again under the next lease, and counts once.
func TestTasksOfALeaseThatEnded(t *testing.T) {
	t.Parallel()
	a := account(t, "a")
	a.shared = true
	a.Lead(1, epoch)
	read(t, a, "a", epoch, true, at(1, -time.Hour)) // history
	read(t, a, "a", epoch, true, at(4, 0), at(3, 0), at(2, 0), at(1, -time.Hour))
	for _, answer := range []Answer{{}, response(500)} { // one pending, one failed, one new
		task, _ := a.Take(epoch, all)
		a.Answered(task, answer, epoch)
	}
	now := epoch.Add(retryLongest)
	a.Promote(now)
	var late []Task
	var want []string
	for {
		task, ok := a.Take(now, all)
		if !ok {
			break
		}
		late, want = append(late, task), append(want, task.EndpointID+" "+task.EventID)
	}
	if len(want) != 4 {
		t.Fatalf("took %q", want)
	}
	a.Resign()
	for _, task := range late[:2] {
		a.Answered(task, response(200), now)
	}
	a.Lead(2, now)
	for _, task := range late[2:] {
		a.Answered(task, response(200), now)
	}
	a.Promote(now)
	got := drained(a, now, response(200))
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("asked for again: %q, want %q", got, want)
	}
	deliveries := uint64(0)
	for key, s := range a.endpoints["a"].counters.rows {
		if key.Kind == CountDeliveries {
			deliveries += s.value
		}
	}
	if deliveries != 4 { // the failed event's success is a second outcome
		t.Errorf("%d deliveries are counted, want 4", deliveries)
	}
}
