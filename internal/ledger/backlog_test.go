package ledger

import (
	"fmt"
	"testing"
	"time"
)

// A growing backlog is limited. For hours, twice as many events arrive as the exporter can
// ask for: the excess becomes unresolved, new outcomes still appear, and memory does not
// grow.
func TestBacklogIsBounded(t *testing.T) {
	t.Parallel()
	const limit, hours = 1000, 6
	p := testPolicy()
	p.Hold, p.Window, p.MaxBacklog = 0, time.Hour, limit
	a := newAccount(AccountRow{APIURL: testURL}, p)
	a.List([]Found{{ID: "a", Meta: Meta{CreatedAt: epoch}}}, epoch, epoch)
	read(t, a, "a", epoch, true)
	e := a.endpoints["a"]
	var list []item
	asked, fresh, total := 0, 0, 0
	rows := 0 // in the queues after three hours
	for second := 2; second <= hours*3600; second += 2 {
		now := epoch.Add(time.Duration(second) * time.Second)
		for n := range 2 {
			total++
			list = append([]item{at(total, time.Duration(second-1+n)*time.Second)}, list[:min(len(list), 500)]...)
		}
		if second%10 == 0 {
			read(t, a, "a", now, true, list...)
		}
		a.Promote(now)
		task, ok := a.Take(now, all)
		if !ok {
			continue
		}
		i, _ := e.events.find(task.key)
		if asked++; now.Unix()-e.events.at(i).Time < 60 {
			fresh++
		}
		a.Answered(task, response(500), now)
		if e.events.backlog > limit || a.backlog != e.events.backlog {
			t.Fatalf("%d events wait after %d s, %d in all", e.events.backlog, second, a.backlog)
		}
		n := len(e.work.ready[NewEvents].rows) + len(e.work.newest.rows) + len(e.events.oldestNew.rows) + len(e.events.oldestWait.rows) + len(e.work.later.rows)
		switch {
		case second == hours/2*3600:
			rows = n
		case second > hours/2*3600 && n > rows+3*limit:
			t.Fatalf("%d rows in the queues after %d s, %d halfway", n, second, rows)
		}
		a.Batch()
	}
	if e.events.len() > limit+2*3600 {
		t.Errorf("%d events are tracked", e.events.len())
	}
	if 10*fresh < 4*asked {
		t.Errorf("%d of %d asks were for what has just happened", fresh, asked)
	}
	now := epoch.Add(hours * time.Hour)
	read(t, a, "a", now, true, list...)
	drained(a, now, response(500))
	v := a.View(now)
	counted, _ := counterOf(v, "a", CountEvents, failed, 0)
	outcomes, _ := counterOf(v, "a", CountDeliveries, failed, 500)
	unresolved, _ := counterOf(v, "a", CountUnresolved, failed, 0)
	if counted != uint64(total) || outcomes+unresolved != counted || unresolved != a.Overflowed() || unresolved == 0 {
		t.Errorf("%d events of %d, %d outcomes, %d unresolved, %d of them because the backlog was full", counted, total, outcomes, unresolved, a.Overflowed())
	}
}

// The limit applies to the whole account: the oldest events of all endpoints go first, except
// for those that are being asked for.
func TestBacklogIsTheAccounts(t *testing.T) {
	t.Parallel()
	a := account(t, "a", "b")
	a.policy.MaxBacklog = 4
	read(t, a, "a", epoch, true)
	read(t, a, "b", epoch, true)
	sec := func(n int) time.Duration { return time.Duration(n) * time.Second }
	read(t, a, "a", epoch.Add(sec(10)), true, at(4, sec(4)), at(2, sec(2)), at(1, sec(1)))
	busy, _ := a.Take(epoch.Add(sec(10)), all) // the oldest
	pending, _ := a.Take(epoch.Add(sec(10)), all)
	a.Answered(pending, Answer{}, epoch.Add(sec(10)))
	read(t, a, "b", epoch.Add(sec(10)), true, at(13, sec(6)), at(12, sec(5)), at(11, sec(3)))
	a.Answered(busy, response(200), epoch.Add(sec(11)))
	states := func(id string, numbers ...int) (s string) {
		for _, n := range numbers {
			i, _ := a.endpoints[id].events.find(KeyOf([]byte(hexID(n))))
			s += fmt.Sprint(a.endpoints[id].events.at(i).Stage)
		}
		return s
	}
	want := fmt.Sprint(Delivered) + fmt.Sprint(Unresolved) + fmt.Sprint(Listed)
	if got := states("a", 1, 2, 4); got != want {
		t.Errorf("a: states %s, want %s", got, want)
	}
	want = fmt.Sprint(Unresolved) + fmt.Sprint(Listed) + fmt.Sprint(Listed)
	if got := states("b", 11, 12, 13); got != want || a.Overflowed() != 2 || a.backlog != 3 {
		t.Errorf("b: stages %s, want %s; %d given up, %d wait", got, want, a.Overflowed(), a.backlog)
	}
}

// While the oldest new event has waited for more than five minutes, every second ask takes
// the newest. Each event is taken once.
func TestEverySecondAskTakesTheNewest(t *testing.T) {
	t.Parallel()
	a := account(t, "a")
	read(t, a, "a", epoch, true)
	var items []item
	for n := 8; n > 0; n-- {
		items = append(items, at(n, 0))
		items[len(items)-1].created += int64(n)
	}
	read(t, a, "a", epoch.Add(10*time.Second), true, items...)
	take := func(after time.Duration, want int) Task {
		t.Helper()
		task, ok := a.Take(epoch.Add(after), all)
		if !ok || task.EventID != hexID(want) {
			t.Errorf("%s, %v, want %s", task.EventID, ok, hexID(want))
		}
		return task
	}
	take(5*time.Minute, 1)
	late := 5*time.Minute + 11*time.Second
	take(late, 2)
	last := take(late, 8)
	take(late, 3)
	a.Return(last)
	take(late, 8)
	read(t, a, "a", epoch.Add(late), true, append([]item{at(9, late)}, items...)...)
	take(late, 4)
	take(late, 9)
	take(late, 5)
	take(late, 7)
	take(late, 6)
	if task, ok := a.Take(epoch.Add(late), all); ok {
		t.Errorf("%s was taken twice", task.EventID)
	}
}
