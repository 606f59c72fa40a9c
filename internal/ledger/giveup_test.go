package ledger

import (
	"testing"
	"time"
)

// After an outage, a stop or a jump of the clock, the exporter asks once more for events that
// have waited longer than the window before it gives them up, whether it reads the lists or
// asks for details first.
func TestWaitingEventsAreAskedOnceMore(t *testing.T) {
	t.Parallel()
	const waiting = 50
	for _, row := range []struct {
		name    string
		asked   func(*Account, Task, time.Time) // an earlier ask; nil for none
		stopped bool
		listed  bool // before the details
		late    Answer
		want    Code
	}{
		{"the key was refused", (*Account).empty, false, true, response(500), 500},
		{"the key was refused, details first", (*Account).empty, false, false, response(500), 500},
		{"calls failed", (*Account).Unanswered, false, true, response(200), 200},
		{"the answers made no sense", (*Account).Unusable, false, true, response(200), 200},
		{"the details were not there yet", (*Account).Missing, false, true, response(200), 200},
		{"stopped while pending", (*Account).empty, true, true, response(500), 500},
		{"stopped before they were asked for", nil, true, true, response(500), 500},
		{"still without a response", (*Account).empty, true, false, Answer{}, CodeNone},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			a := account(t, "a")
			var items []item
			for n := range waiting {
				items = append(items, at(waiting-n, 0))
			}
			read(t, a, "a", epoch, true)
			read(t, a, "a", epoch, true, items...)
			for row.asked != nil {
				task, ok := a.Take(epoch, all)
				if !ok {
					break
				}
				row.asked(a, task, epoch)
			}
			now := epoch.Add(25 * time.Hour)
			if row.stopped {
				a = restarted(t, a, testPolicy(), now)
			}
			newest := at(1000, 25*time.Hour)
			if row.listed {
				read(t, a, "a", now, true, append([]item{newest}, items...)...)
			}
			a.Promote(now)
			drained(a, now, row.late)
			read(t, a, "a", now, true, newest)
			outcomes, _ := counterOf(a.unheld(now), "a", CountDeliveries, failed, row.want)
			unresolved, _ := counterOf(a.unheld(now), "a", CountUnresolved, failed, 0)
			if row.listed && row.late.Responded {
				outcomes-- // the newest
			}
			if outcomes != waiting || unresolved != 0 {
				t.Errorf("%d outcomes and %d unresolved of %d events", outcomes, unresolved, waiting)
			}
		})
	}
}

// empty is an answer without a response.
func (a *Account) empty(t Task, now time.Time) { a.Answered(t, Answer{}, now) }

// unheld returns a view that shows every counter's value.
func (a *Account) unheld(now time.Time) *View {
	a.hold.off, a.hold.open = true, true
	for _, e := range a.endpoints {
		e.counters.shown, e.last = nil, nil
	}
	return a.View(now)
}

// An event becomes unresolved if its asks were in vain for long enough, which depends on the
// kind of answer, and never just because time passes.
func TestUnresolved(t *testing.T) {
	t.Parallel()
	type ask struct {
		after time.Duration
		how   func(*Account, Task, time.Time)
	}
	const day = 24 * time.Hour
	missing, gone, unusable, failedCall := (*Account).Missing, (*Account).Gone, (*Account).Unusable, (*Account).Unanswered
	empty, well := (*Account).empty, func(a *Account, t Task, now time.Time) { a.Answered(t, response(200), now) }
	set := func(then func(*Account, Task, time.Time)) func(*Account, Task, time.Time) {
		return func(a *Account, t Task, now time.Time) {
			a.ClockSet(now)
			then(a, t, now)
		}
	}
	for _, row := range []struct {
		name   string
		asks   []ask
		others bool // whether the API answers for other events in between
		want   Stage
	}{
		{"410", []ask{{0, gone}}, false, Unresolved},
		{"410 of a pending one", []ask{{0, empty}, {time.Minute, gone}}, false, Unresolved},
		{"404 once", []ask{{0, missing}}, false, Listed},
		{"404, then the detail", []ask{{0, missing}, {5 * time.Second, well}}, false, Delivered},
		{"404 in every ask for less than no-response-after", []ask{{0, missing}, {9 * time.Minute, missing}}, false, Listed},
		{"404 in every ask for at least no-response-after", []ask{{0, missing}, {5 * time.Minute, missing}, {10 * time.Minute, missing}}, false, Unresolved},
		{"404 again after an answer", []ask{{0, missing}, {time.Minute, empty}, {11 * time.Minute, missing}}, false, Pending},
		{"404 again after a call that failed", []ask{{0, missing}, {time.Minute, failedCall}, {11 * time.Minute, missing}}, false, Listed},
		{"404 before and after the clock was set", []ask{{0, missing}, {15 * time.Minute, set(missing)}, {24 * time.Minute, missing}}, false, Listed},
		{"404 for long after the clock was set", []ask{{0, missing}, {15 * time.Minute, set(missing)}, {25 * time.Minute, missing}}, false, Unresolved},
		{"no response before and after the clock was set", []ask{{0, empty}, {15 * time.Minute, set(empty)}, {24 * time.Minute, empty}}, false, Pending},
		{"no response for long after the clock was set", []ask{{0, empty}, {15 * time.Minute, set(empty)}, {25 * time.Minute, empty}}, false, NoResponse},
		{"404 a window after first sight", []ask{{day, missing}}, false, Unresolved},
		{"403 for less than a window", []ask{{0, unusable}, {day - time.Second, unusable}}, false, Listed},
		{"403 a window after first sight", []ask{{0, unusable}, {day, unusable}}, false, Unresolved},
		{"failed calls while the API is down", []ask{{0, failedCall}, {day, failedCall}, {2 * day, failedCall}}, false, Listed},
		{"the first failed call after a window", []ask{{0, failedCall}, {day, failedCall}}, true, Listed},
		{"failed calls only for this event", []ask{{0, failedCall}, {day, failedCall}, {day + time.Hour, failedCall}}, true, Unresolved},
		{"410 after the delivery", []ask{{0, func(a *Account, t Task, now time.Time) { a.Answered(t, response(500), now) }}, {time.Hour, gone}}, false, Delivered},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			a := account(t, "a", "other")
			for _, id := range []string{"a", "other"} {
				read(t, a, id, epoch, true)
			}
			read(t, a, "a", epoch, true, at(1, 0))
			e := a.endpoints["a"]
			for n, ask := range row.asks {
				now := epoch.Add(ask.after)
				if row.others {
					before := now.Add(-time.Minute)
					read(t, a, "other", before, true, item{hexID(100 + n), failed, before.Unix()})
					task, ok := a.Take(before, func(c Class) bool { return c == NewEvents })
					for ok && task.EndpointID != "other" {
						a.Return(task)
						task, ok = a.Take(before, func(c Class) bool { return c == NewEvents })
					}
					a.Answered(task, response(200), before)
				}
				a.Promote(now)
				task, ok := a.Take(now, all)
				if !ok || task.EndpointID != "a" {
					t.Fatalf("%+v, %v to ask for after %v", task, ok, ask.after)
				}
				ask.how(a, task, now)
			}
			i, _ := e.events.find(KeyOf([]byte(hexID(1))))
			if got := e.events.at(i).Stage; got != row.want {
				t.Errorf("stage %d, want %d", got, row.want)
			}
			want := uint64(one(row.want == Unresolved))
			if n, _ := counterOf(a.unheld(epoch), "a", CountUnresolved, failed, 0); n != want {
				t.Errorf("%d unresolved, want %d", n, want)
			}
			if len(e.work.absent) > 0 && e.events.at(i).Waiting() == false {
				t.Error("404s of an event that no longer waits are still known")
			}
		})
	}
}

// New events come before those that are asked for again.
func TestAskedBeforeComesAfterNew(t *testing.T) {
	t.Parallel()
	a := account(t, "a")
	read(t, a, "a", epoch, true)
	read(t, a, "a", epoch, true, at(1, 0))
	task, _ := a.Take(epoch, all)
	a.Unusable(task, epoch)
	now := epoch.Add(time.Minute)
	read(t, a, "a", now, true, at(2, time.Minute), at(1, 0))
	a.Promote(now)
	if task, _ := a.Take(now, all); task.EventID != hexID(2) || task.Class != NewEvents {
		t.Errorf("%+v", task)
	}
	if task, _ := a.Take(now, all); task.EventID != hexID(1) || task.Class != PendingEvents {
		t.Errorf("%+v", task)
	}
}
