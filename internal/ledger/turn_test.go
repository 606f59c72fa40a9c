package ledger

import (
	"slices"
	"testing"
	"time"
)

// Endpoints are read in turn, least recently read first. A failed read counts, and a restart
// does not change the order.
func TestLeastRecentlyReadFirst(t *testing.T) {
	t.Parallel()
	a := account(t, "a", "b", "c", "d")
	order := func(want ...string) {
		t.Helper()
		if got := a.ToRead(); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	order("a", "b", "c", "d")
	read(t, a, "a", epoch, true)
	a.ReadFailed("c", "timeout", epoch.Add(time.Second))
	read(t, a, "b", epoch.Add(2*time.Second), true)
	order("d", "a", "c", "b")
	read(t, a, "a", epoch.Add(3*time.Second), true)
	order("d", "c", "b", "a")

	a = restarted(t, a, testPolicy(), epoch)
	order("d", "c", "b", "a")
	for _, e := range a.View(epoch).Endpoints {
		if failed := e.ID == "c"; (e.ReadError == "timeout") != failed || e.LastRead.IsZero() != (e.ID == "d") {
			t.Errorf("%s was read at %v with error %q", e.ID, e.LastRead, e.ReadError)
		}
	}
	read(t, a, "c", epoch.Add(4*time.Second), true)
	a.Batch()
	if e := a.View(epoch).Endpoints[2]; e.ReadError != "" {
		t.Errorf("after a successful read, the error is still %q", e.ReadError)
	}
}

// If an account that had endpoints lists none, the ledger does not believe it for ten
// minutes. An account that never had any is believed.
func TestAccountThatListsNone(t *testing.T) {
	t.Parallel()
	a := newAccount(AccountRow{}, testPolicy())
	if !a.List(nil, epoch, epoch) {
		t.Error("the ledger does not believe a new account without endpoints")
	}
	found := []Found{{ID: "a"}, {ID: "b"}}
	a.List(found, epoch, epoch)
	for _, row := range []struct {
		after    time.Duration
		found    []Found
		believed bool
		shown    int
	}{
		{time.Minute, nil, false, 2},
		{10 * time.Minute, nil, false, 2},
		{10*time.Minute + time.Second, found, true, 2}, // starts again
		{11 * time.Minute, nil, false, 2},
		{21*time.Minute - time.Second, nil, false, 2},
		{21 * time.Minute, nil, true, 2},
		{22 * time.Minute, nil, true, 0},
		{23 * time.Minute, nil, true, 0},
	} {
		now := epoch.Add(row.after)
		if got := a.List(row.found, now, now); got != row.believed {
			t.Errorf("after %v: believed %v", row.after, got)
		}
		if n := len(a.View(now).Endpoints); n != row.shown {
			t.Errorf("after %v: %d endpoints are shown, want %d", row.after, n, row.shown)
		}
	}
}

// The first empty list of an older endpoint can be a mistake. Events created after it are new
// nevertheless, with or without a second empty list in between.
func TestEmptyContact(t *testing.T) {
	t.Parallel()
	sec := func(n int) time.Duration { return time.Duration(n) * time.Second }
	for _, row := range []struct {
		name    string
		age     time.Duration
		lists   [][]item // every 15 s, the first one a second after the epoch
		contact int      // the list that makes contact
		want    uint64
	}{
		{"just made", time.Minute - time.Second, [][]item{{}}, 0, 0},
		{"empty twice", time.Hour, [][]item{{}, {}}, 1, 0},
		{"empty twice, then events", time.Hour, [][]item{{}, {}, {at(3, sec(30)), at(2, sec(29)), at(1, sec(2))}}, 1, 3},
		{"empty once, then events", time.Hour, [][]item{{}, {at(3, sec(15)), at(2, sec(3)), at(1, sec(1))}}, 1, 3},
		{"empty by mistake, then history", time.Hour, [][]item{{}, {at(3, 0), at(2, -time.Minute), at(1, -time.Hour)}}, 1, 0},
		{"empty by mistake, then history and news", time.Hour, [][]item{{}, {at(3, sec(10)), at(2, -time.Minute)}}, 1, 1},
		{"events at once", time.Hour, [][]item{{at(1, 0)}}, 0, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			a := account(t)
			a.List([]Found{{ID: "a", Meta: Meta{CreatedAt: epoch.Add(sec(1) - row.age)}}}, epoch, epoch)
			for n, list := range row.lists {
				read(t, a, "a", epoch.Add(sec(1+15*n)), true, list...)
				if contacted := a.endpoints["a"].contacted(); contacted != (n >= row.contact) {
					t.Errorf("contacted %v after list %d", contacted, n)
				}
			}
			if n := counted(a, "a"); n != row.want || a.Untried() != int(row.want) {
				t.Errorf("%d counted, %d to ask for, want %d", n, a.Untried(), row.want)
			}
			drained(a, epoch.Add(time.Minute), response(500))
			if n, _ := counterOf(a.View(epoch), "a", CountDeliveries, failed, 500); n != row.want {
				t.Errorf("%d outcomes, want %d", n, row.want)
			}
		})
	}
}

// With count-since, any contact counts events that were created at most that long before the
// state. After a state that was set aside, or a reset of the counters, count-since has no
// effect.
func TestCountSince(t *testing.T) {
	t.Parallel()
	list := []item{at(5, 5*time.Minute), at(4, -time.Minute), at(3, -10*time.Minute+time.Second), at(2, -10*time.Minute), at(1, -time.Hour)}
	for _, row := range []struct {
		name  string
		since time.Duration
		row   AccountRow
		reset bool
		want  uint64
	}{
		{"off", 0, AccountRow{}, false, 0},
		{"ten minutes", 10 * time.Minute, AccountRow{}, false, 3},
		{"after a state that was set aside", 10 * time.Minute, AccountRow{Resets: 1}, false, 0},
		{"after a reset of the counters", 10 * time.Minute, AccountRow{}, true, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p := testPolicy()
			p.Hold, p.CountSince = 0, row.since
			row.row.APIURL, row.row.Created = testURL, epoch
			a := newAccount(row.row, p)
			found := []Found{{ID: "a", Meta: Meta{CreatedAt: epoch.Add(-time.Hour)}}}
			a.List(found, epoch, epoch)
			if row.reset {
				a.ResetCounters(epoch)
			}
			late := epoch.Add(6 * time.Minute) // after a restart, as the state's creation counts
			a = restarted(t, a, p, late)
			read(t, a, "a", late, true, list...)
			if n := counted(a, "a"); n != row.want || a.Untried() != int(row.want) {
				t.Errorf("%d counted, %d to ask for, want %d", n, a.Untried(), row.want)
			}
			if e := a.View(late).Endpoints[0]; e.HistoryBacklog != len(list)-int(row.want) || e.Backlog != int(row.want) {
				t.Errorf("backlogs %d and %d", e.Backlog, e.HistoryBacklog)
			}
		})
	}
}
