package ledger

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func all(Class) bool { return true }

// drained takes all tasks in order, and gives each the same answer.
func drained(a *Account, now time.Time, answer Answer) (names []string) {
	for {
		task, ok := a.Take(now, all)
		if !ok {
			return names
		}
		names = append(names, task.EndpointID+" "+task.EventID)
		a.Answered(task, answer, now)
	}
}

func name(endpoint string, n int) string { return endpoint + " " + hexID(n) }

func TestNewEventsGoRoundRobinOldestFirst(t *testing.T) {
	t.Parallel()
	a := account(t, "a", "b")
	for i, id := range []string{"a", "b"} {
		read(t, a, id, epoch, true)
		read(t, a, id, epoch, true, at(3+10*i, 3*time.Second), at(2+10*i, 2*time.Second), at(1+10*i, time.Second))
	}
	want := []string{name("a", 1), name("b", 11), name("a", 2), name("b", 12), name("a", 3), name("b", 13)}
	if got := drained(a, epoch, response(200)); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestHistoryGoesNewestFirst(t *testing.T) {
	t.Parallel()
	a := account(t, "a")
	read(t, a, "a", epoch, true, at(3, -time.Second), at(2, -time.Hour), at(1, -2*time.Hour), at(0, -25*time.Hour))
	want := []string{name("a", 3), name("a", 2), name("a", 1)}
	if got := drained(a, epoch, response(200)); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestClassesInOrder(t *testing.T) {
	t.Parallel()
	a := account(t, "a")
	read(t, a, "a", epoch, true, at(1, -time.Hour))
	read(t, a, "a", epoch, true, at(2, 0), at(3, 0))
	for _, answer := range []Answer{{}, response(500)} { // one pending, one failed
		task, _ := a.Take(epoch, all)
		a.Answered(task, answer, epoch)
	}
	now := epoch.Add(5 * time.Minute)
	read(t, a, "a", now, true, at(4, 0), at(1, -time.Hour))
	a.Promote(now)
	for class := range classes {
		task, ok := a.Take(now, all)
		if !ok || task.Class != class {
			t.Fatalf("%+v, want class %d", task, class)
		}
		if _, ok := a.Take(now, func(c Class) bool { return c == class }); ok {
			t.Errorf("class %d was taken twice", class)
		}
	}
}

func TestOnlyTheNewestFailuresAreAskedAgain(t *testing.T) {
	t.Parallel()
	a := account(t, "a")
	read(t, a, "a", epoch, true)
	var items []item
	for i := range 150 {
		items = append(items, at(1000-i, -time.Duration(i)*time.Second))
	}
	read(t, a, "a", epoch, true, items...)
	drained(a, epoch, response(500))
	due, ok := a.NextDue()
	if !ok || !due.Equal(epoch.Add(5*time.Minute)) {
		t.Errorf("due at %v", due)
	}
	a.Promote(due)
	if got := drained(a, due, response(500)); len(got) != 100 || got[0] != name("a", 1000) || got[99] != name("a", 901) {
		t.Errorf("%d: %q to %q", len(got), got[0], got[len(got)-1])
	}
}

// If the rate allows fewer asks than are due, the events take turns.
func TestEachEventIsAskedAgainInTurn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		answer Answer
		every  time.Duration // between two asks, by the rate
		each   int           // asks for each event in the end
	}{
		{"failures", response(500), time.Hour, 10},
		{"without a response", Answer{}, time.Minute, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			const events = 20
			a := account(t, "a")
			read(t, a, "a", epoch, true)
			var items []item
			for i := range events {
				items = append(items, at(1000-i, -time.Duration(i)*time.Second))
			}
			read(t, a, "a", epoch, true, items...)
			drained(a, epoch, tt.answer)
			asked := make(map[string]int)
			now := epoch
			for range tt.each * events {
				now = now.Add(tt.every)
				a.Promote(now)
				task, ok := a.Take(now, all)
				if !ok {
					t.Fatalf("nothing is due at %v", now)
				}
				asked[task.EventID]++
				a.Answered(task, tt.answer, now)
			}
			for i := range events {
				if n := asked[hexID(1000-i)]; n < tt.each-2 || n > tt.each+2 {
					t.Errorf("event %d was asked for %d times, want about %d", i, n, tt.each)
				}
			}
		})
	}
}

func TestPendingIsAskedAgain(t *testing.T) {
	t.Parallel()
	a := account(t, "a")
	read(t, a, "a", epoch, true)
	read(t, a, "a", epoch, true, at(1, 0))
	if got := drained(a, epoch, Answer{}); len(got) != 1 || a.Untried() != 0 {
		t.Errorf("%q, %d untried", got, a.Untried())
	}
	due, ok := a.NextDue()
	if !ok || !due.Equal(epoch.Add(5*time.Second)) {
		t.Errorf("due at %v, %v", due, ok)
	}
	a.Promote(due.Add(-time.Second))
	if _, ok := a.Take(due.Add(-time.Second), all); ok {
		t.Error("asked too early")
	}
	a.Promote(due)
	if got := drained(a, due, response(200)); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

func TestReturnedTaskIsHandedOutAgain(t *testing.T) {
	t.Parallel()
	a := account(t, "a")
	read(t, a, "a", epoch, true)
	read(t, a, "a", epoch, true, at(1, 0))
	task, _ := a.Take(epoch, all)
	if _, ok := a.Take(epoch, all); ok {
		t.Error("taken twice")
	}
	a.Return(task)
	if again, ok := a.Take(epoch, all); !ok || again.EventID != task.EventID || a.Untried() != 1 {
		t.Errorf("%+v, %v, %d untried", again, ok, a.Untried())
	}
}

// If the clock is set back by a day, pending events are not delayed by a day.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	a := account(t, "a")
	ahead := epoch.Add(24 * time.Hour)
	read(t, a, "a", ahead, true)
	read(t, a, "a", ahead, true, at(1, 24*time.Hour))
	a.Promote(ahead)
	drained(a, ahead, Answer{})
	a.Promote(epoch)
	now := epoch.Add(5 * time.Second)
	a.Promote(now)
	if got := drained(a, now, response(200)); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

func TestFoldedFailuresCount(t *testing.T) {
	t.Parallel()
	a := account(t, "a")
	read(t, a, "a", epoch, true)
	read(t, a, "a", epoch, true, at(3, 2*time.Second), at(2, time.Second), at(1, 0))
	drained(a, epoch, response(500))
	later := 25 * time.Hour
	now := epoch.Add(later)
	read(t, a, "a", now, true, at(4, later))
	v := a.View(now).Endpoints[0]
	if v.Tracked != 1 || v.Consecutive != 3 || v.FailingSince != epoch.Unix() || v.LastCode != 500 || v.LastFailure != epoch.Unix()+2 {
		t.Errorf("%+v", v)
	}
	drained(a, now, response(200))
	if v := a.View(now).Endpoints[0]; v.Consecutive != 0 || v.FailingSince != 0 || v.LastSuccess != now.Unix() {
		t.Errorf("%+v", v)
	}
}

func TestCountedEventWithoutOutcomeStays(t *testing.T) {
	t.Parallel()
	a := account(t, "a")
	read(t, a, "a", epoch, true, at(0, -time.Hour))
	read(t, a, "a", epoch, true, at(1, 0))
	now := epoch
	for i := range 3 {
		now = now.Add(30 * time.Hour)
		read(t, a, "a", now, true, item{fmt.Sprint("x", i), failed, now.Unix()})
	}
	if _, ok := a.endpoints["a"].events.find(KeyOf([]byte(hexID(1)))); !ok {
		t.Error("a counted event was forgotten before it had an outcome")
	}
	if _, ok := a.endpoints["a"].events.find(KeyOf([]byte(hexID(0)))); ok {
		t.Error("history without an outcome was kept")
	}
}

// Nothing is lost if the clock goes back by a second between queueing and taking.
func TestClockGoesBackALittle(t *testing.T) {
	t.Parallel()
	a := account(t, "a")
	read(t, a, "a", epoch, true)
	read(t, a, "a", epoch, true, at(1, 0))
	drained(a, epoch, Answer{})
	due := epoch.Add(5 * time.Second)
	a.Promote(due)
	if got := drained(a, due.Add(-time.Second), response(200)); len(got) != 0 {
		t.Errorf("%q too early", got)
	}
	a.Promote(due)
	if got := drained(a, due, response(200)); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

// Events that fail for a day take no more memory than events that failed once.
func TestQueuesDoNotGrowWithTries(t *testing.T) {
	t.Parallel()
	a := account(t, "a")
	read(t, a, "a", epoch, true)
	read(t, a, "a", epoch, true, at(1, 0), at(2, 0))
	now := epoch
	for range 200 {
		for {
			task, ok := a.Take(now, all)
			if !ok {
				break
			}
			a.Unanswered(task, now)
		}
		now = now.Add(5 * time.Minute)
		a.Promote(now)
	}
	e := a.endpoints["a"]
	if n := len(e.events.oldestNew.rows) + len(e.work.later.rows) + len(e.work.ready[NewEvents].rows); n > 6 {
		t.Errorf("%d rows for two events", n)
	}
}
