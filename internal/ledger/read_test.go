package ledger

import (
	"fmt"
	"testing"
	"time"
)

// account returns a new account with listed endpoints and without holds.
func account(t testing.TB, ids ...string) *Account {
	t.Helper()
	p := testPolicy()
	p.Hold = 0
	a := newAccount(AccountRow{APIURL: testURL}, p)
	var found []Found
	for _, id := range ids {
		found = append(found, Found{ID: id, Meta: Meta{Events: []string{failed}, CreatedAt: epoch}})
	}
	a.List(found, epoch, epoch)
	return a
}

// at returns an event created some time after the epoch.
func at(n int, after time.Duration) item { return item{hexID(n), failed, epoch.Add(after).Unix()} }

func counted(a *Account, endpoint string) uint64 { return eventsOf(a.View(epoch), endpoint) }

func TestContactNeedsAFullRead(t *testing.T) {
	t.Parallel()
	a := account(t, "ep")
	if read(t, a, "ep", epoch, false, at(1, 0), at(2, -time.Hour)) || a.endpoints["ep"].contacted() {
		t.Error("a broken read made contact")
	}
	v := a.View(epoch).Endpoints[0]
	if v.Contacted || len(v.Counters.All) > 0 || v.Counters.Latency != nil {
		t.Errorf("counters before contact: %+v", v.Counters)
	}
	if !read(t, a, "ep", epoch, true, at(3, time.Second), at(1, 0)) || !a.endpoints["ep"].contacted() {
		t.Error("no contact")
	}
	if n := counted(a, "ep"); n != 0 {
		t.Errorf("%d events of the history were counted", n)
	}
}

func TestCutoffAtContact(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		listed []item
		date   time.Duration
		want   time.Duration
	}{
		{"the newest created, minus overlap", []item{at(1, -time.Hour), at(2, -2*time.Hour)}, 0, -75 * time.Minute},
		{"empty list: the Date, minus overlap", nil, -time.Minute, -16 * time.Minute},
		{"empty list, the API's clock is ahead: our clock, minus overlap", nil, 3 * time.Hour, -15 * time.Minute},
		{"empty list, our clock is over a day behind: the Date, minus overlap", nil, 25 * time.Hour, 25*time.Hour - 15*time.Minute},
		{"a created ahead of the Date does not count", []item{at(1, 4*time.Minute)}, 0, -15 * time.Minute},
		{"a bogus created does not count", []item{at(1, -time.Hour), {hexID(2), failed, 4070908800}, {hexID(3), failed, 0}}, 0, -75 * time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			a := account(t, "ep")
			a.endpoints["ep"].row.Meta.CreatedAt = epoch.Add(row.date) // just created
			r := a.Begin("ep", epoch, epoch.Add(row.date), epoch)
			for _, it := range row.listed {
				r.Note([]byte(it.id), it.typ, it.created)
			}
			a.Apply(r, epoch)
			a.End(r, true, epoch)
			if got := time.Unix(a.endpoints["ep"].row.Cutoff, 0).Sub(epoch); got != row.want {
				t.Errorf("cutoff at %v, want %v", got, row.want)
			}
			later := epoch.Add(time.Minute)
			r = a.Begin("ep", later, later.Add(row.date), later)
			for _, it := range []item{at(98, row.want+time.Second), at(99, row.want)} {
				r.Note([]byte(it.id), it.typ, it.created)
			}
			a.Apply(r, later)
			if n := counted(a, "ep"); n != 1 {
				t.Errorf("%d counted around the cutoff, want the newer one", n)
			}
		})
	}
}

func TestNewEndpointHasNoHistory(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		created time.Duration // after the listing without it
		known   bool          // it was in that listing
		want    uint64
	}{
		{"created since", time.Second, false, 2},
		{"created before", 0, false, 0},
		{"created in the future", time.Hour, false, 0},
		{"listed before", time.Second, true, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			a := newAccount(AccountRow{}, testPolicy())
			a.hold.off, a.hold.open = true, true
			found := Found{ID: "ep", Meta: Meta{Events: []string{failed}, CreatedAt: epoch.Add(row.created)}}
			first := []Found{found}
			if !row.known {
				first = nil
			}
			a.List(first, epoch, epoch)
			now := epoch.Add(time.Minute)
			a.List([]Found{found}, now, now)
			read(t, a, "ep", now, true, at(1, 30*time.Second), at(2, 20*time.Second))
			if n := counted(a, "ep"); n != row.want {
				t.Errorf("%d counted, want %d", n, row.want)
			}
		})
	}
}

func TestFirstListingEverIsHistory(t *testing.T) {
	t.Parallel()
	a := newAccount(AccountRow{}, testPolicy())
	a.List([]Found{{ID: "ep", Meta: Meta{CreatedAt: epoch}}}, epoch, epoch)
	if a.endpoints["ep"].contacted() {
		t.Error("contact without an earlier listing")
	}
}

// A Date from a cache does not make an event untrusted, as if it came from the future; it
// would be counted although it is forgotten.
func TestOldDate(t *testing.T) {
	t.Parallel()
	a := account(t, "ep")
	r := a.Begin("ep", epoch, epoch.Add(-48*time.Hour), epoch)
	r.Note([]byte("x"), failed, epoch.Unix())
	if n := a.Apply(r, epoch); n != 0 {
		t.Errorf("%d untrusted", n)
	}
}

func TestTrustedTimes(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		created int64
		trusted bool
	}{
		{"zero", 0, false},
		{"negative", -1, false},
		{"one", 1, true},
		{"now", epoch.Unix(), true},
		{"5m ahead", epoch.Unix() + 300, true},
		{"over 5m ahead", epoch.Unix() + 301, false},
		{"milliseconds", epoch.UnixMilli(), false},
		{"2099", 4070908800, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			a := account(t, "ep")
			our := epoch.Add(-time.Hour) // the later of the two clocks decides whether created is trusted
			r := a.Begin("ep", our, epoch, our)
			r.Note([]byte("x"), failed, row.created)
			untrusted := a.Apply(r, our)
			if (untrusted == 0) != row.trusted {
				t.Fatalf("%d untrusted", untrusted)
			}
			a.End(r, true, our)
			e := a.endpoints["ep"]
			want := int64(0)
			if row.trusted {
				want = min(row.created, our.Unix()) // the earlier of them limits the mark
			}
			if e.row.StopMark != want {
				t.Errorf("stop mark %d, want %d", e.row.StopMark, want)
			}
			if i, ok := e.events.find(KeyOf([]byte("x"))); ok && !row.trusted && e.events.at(i).Time != our.Unix() {
				t.Errorf("its time is %d, want that of its first sight", e.events.at(i).Time)
			}
		})
	}
}

func TestUntrustedIsKeptAWindowAfterItsLastListing(t *testing.T) {
	t.Parallel()
	a := account(t, "ep")
	read(t, a, "ep", epoch, true)
	bogus := item{"odd", failed, 0}
	now := epoch
	for range 60 { // listed for two and a half windows
		now = now.Add(time.Hour)
		read(t, a, "ep", now, true, bogus)
	}
	last := now
	for now.Before(last.Add(24 * time.Hour)) {
		now = now.Add(time.Hour)
		read(t, a, "ep", now, true)
		if i, ok := a.endpoints["ep"].events.find(KeyOf([]byte("odd"))); ok && a.endpoints["ep"].events.at(i).Stage == Listed {
			task, _ := a.Take(now, func(Class) bool { return true })
			a.Answered(task, response(200), now)
		}
	}
	read(t, a, "ep", now, true, bogus)
	if n := counted(a, "ep"); n != 1 {
		t.Errorf("counted %d times", n)
	}
	now = now.Add(25 * time.Hour)
	read(t, a, "ep", now, true)
	if n := a.endpoints["ep"].events.len(); n != 0 {
		t.Errorf("%d events are tracked forever", n)
	}
}

func TestOrdinaryReadStops(t *testing.T) {
	t.Parallel()
	const (
		mark  = 15 * time.Minute // the overlap before the stop mark
		slack = lateSlack * time.Second
		soon  = 15 * time.Second // after the previous read
		later = 2 * time.Minute
	)
	for _, row := range []struct {
		name   string
		after  time.Duration
		listed []time.Duration
		enough int // after so many events, 0 for never
	}{
		{"past the stop mark, minus overlap", later, []time.Duration{0, -mark, -mark - time.Second, -time.Hour}, 3},
		{"not before", later, []time.Duration{0, -mark}, 0},
		{"disorder within a minute", later, []time.Duration{-time.Minute, 0, -mark - time.Second}, 3},
		{"disorder of more than a minute", later, []time.Duration{-61 * time.Second, 0, -mark - time.Second, -time.Hour}, 0},
		{"oldest first", later, []time.Duration{-time.Hour, -time.Minute, 0}, 0},
		{"the newest is missing", later, []time.Duration{-time.Second, -time.Hour}, 0},
		{"a little past the stop mark, soon after another read", soon, []time.Duration{0, -slack, -slack - time.Second, -time.Hour}, 3},
		{"not before the stop mark, soon after another read", soon, []time.Duration{-slack - time.Second, -time.Second}, 0},
		{"disorder, soon after another read", soon, []time.Duration{-61 * time.Second, 0, -mark - time.Second, -time.Hour}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			a := account(t, "ep")
			read(t, a, "ep", epoch, true, at(1, 0), at(2, -2*time.Hour))
			now := epoch.Add(row.after)
			r := a.Begin("ep", now, now, now)
			enough := 0
			for i, d := range row.listed {
				if r.Note(fmt.Append(nil, "x", i), failed, epoch.Add(d).Unix()); r.Enough() && enough == 0 {
					enough = i + 1
				}
			}
			if enough != row.enough {
				t.Errorf("enough after %d, want %d", enough, row.enough)
			}
		})
	}
}

func TestFullReads(t *testing.T) {
	t.Parallel()
	a := account(t, "ep")
	e := a.endpoints["ep"]
	full := func(now time.Time) bool { return a.Begin("ep", now, now, now).full }
	if !full(epoch) {
		t.Error("the first contact is not a full read")
	}
	read(t, a, "ep", epoch, true, at(1, 0))
	every := time.Hour - e.fullReadOffset()
	if every < 50*time.Minute || full(epoch.Add(every-time.Second)) || !full(epoch.Add(every)) {
		t.Errorf("full reads are not hourly: %v", every)
	}
	e.reads = reads{} // like a start
	if !full(epoch) {
		t.Error("the first read after a start is not full")
	}
	read(t, a, "ep", epoch, true, at(3, -time.Hour), at(2, 0))
	if !full(epoch) {
		t.Error("an unordered list is not read in full")
	}
}

func TestListWithoutOrderRests(t *testing.T) {
	t.Parallel()
	a := account(t, "ep", "other")
	for _, row := range []struct {
		endpoint string
		listed   []item
		rest     time.Duration
	}{{"ep", []item{at(3, -time.Hour), at(2, 0)}, 20 * 3 * time.Second}, {"other", []item{at(2, 0), at(3, -time.Hour)}, -3 * time.Second}} {
		// Waiting for the limiter or a commit is not time spent reading.
		r := a.Begin(row.endpoint, epoch.Add(-time.Minute), epoch, epoch)
		for _, it := range row.listed {
			r.Note([]byte(it.id), it.typ, it.created)
		}
		r.Waited(4 * time.Second)
		end := epoch.Add(7 * time.Second)
		a.Apply(r, end)
		a.End(r, true, end)
		if a.ReadDue(row.endpoint, end.Add(row.rest-time.Second)) || !a.ReadDue(row.endpoint, end.Add(row.rest)) {
			if row.rest > 0 {
				t.Errorf("%s does not rest %v", row.endpoint, row.rest)
			}
		}
		if row.rest < 0 && !a.ReadDue(row.endpoint, end) {
			t.Errorf("%s rests", row.endpoint)
		}
	}
}

func TestMarksMoveOnlyAfterTheirReads(t *testing.T) {
	t.Parallel()
	a := account(t, "ep")
	read(t, a, "ep", epoch, true, at(1, 0))
	row := func() (stop, cutoff int64) { return a.endpoints["ep"].row.StopMark, a.endpoints["ep"].row.Cutoff }
	stop, cutoff := row()
	day := 48 * time.Hour
	read(t, a, "ep", epoch.Add(day), false, at(2, day))
	if s, c := row(); s != stop || c != cutoff {
		t.Error("a broken read moved a mark")
	}
	if n := counted(a, "ep"); n != 1 {
		t.Errorf("%d events of a broken read were counted, want 1", n)
	}
	a.endpoints["ep"].row.LastFull = epoch.Add(day)
	read(t, a, "ep", epoch.Add(day), true, at(2, day), at(1, 0), at(9, -time.Hour))
	if s, c := row(); s != epoch.Add(day).Unix() || c != cutoff {
		t.Errorf("a sufficient read must move only the stop mark: %d, %d", s-stop, c-cutoff)
	}
	read(t, a, "ep", epoch.Add(day), true, at(2, day))
	if _, c := row(); c != epoch.Add(day-24*time.Hour).Unix() {
		t.Errorf("a full read moved the cutoff by %d", c-cutoff)
	}
	a.policy.Window = 31 * 24 * time.Hour
	_, cutoff = row()
	read(t, a, "ep", epoch.Add(day), true, at(2, day))
	if _, c := row(); c != cutoff {
		t.Error("a wider window moved the cutoff back")
	}
}

func TestGaps(t *testing.T) {
	t.Parallel()
	week := 7 * 24 * time.Hour
	for _, row := range []struct {
		name     string
		complete bool
		before   []item
		listed   []item
		want     uint64
	}{
		{"nothing known, all newer", true, []item{at(1, 0)}, []item{at(3, week), at(2, week-time.Hour)}, 1},
		{"a new event twice", true, []item{at(1, 0)}, []item{at(3, week), at(3, week)}, 1},
		{"one known", true, []item{at(1, 0)}, []item{at(3, week), at(1, 0)}, 0},
		{"one at the stop mark", true, []item{at(1, 0)}, []item{at(3, week), at(2, 0)}, 0},
		{"cut off", false, []item{at(1, 0)}, []item{at(3, week)}, 0},
		{"empty", true, []item{at(1, 0)}, nil, 0},
		{"no stop mark", true, nil, []item{at(1, week)}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			a := account(t, "ep")
			read(t, a, "ep", epoch, true, row.before...)
			read(t, a, "ep", epoch.Add(week), row.complete, row.listed...)
			for _, s := range a.View(epoch).Endpoints[0].Counters.All {
				if s.Kind == CountGaps && s.Value != row.want {
					t.Errorf("%d gaps, want %d", s.Value, row.want)
				}
			}
		})
	}
}

func TestLatencyNeedsATimelyRead(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		after time.Duration
		want  uint64
	}{{15 * time.Minute, 1}, {15*time.Minute + time.Second, 0}} {
		a := account(t, "ep")
		read(t, a, "ep", epoch, true)
		now := epoch.Add(row.after)
		read(t, a, "ep", now, true, at(1, row.after-40*time.Second))
		task, _ := a.Take(now, func(Class) bool { return true })
		a.Answered(task, response(500), now.Add(5*time.Second))
		l := a.View(now).Endpoints[0].Counters.Latency
		if bucketSum(l.Counts) != row.want || row.want == 1 && (l.Counts.Buckets[4] != 1 || l.Counts.Sum != 45) {
			t.Errorf("after %v: %+v", row.after, l.Counts)
		}
	}
}

// If the API's clock or our own was ahead for one event, later events are still new: the read
// that lists them counts them. The event from the future counts at contact or later.
func TestClockAheadForOneEvent(t *testing.T) {
	t.Parallel()
	const ahead = 3 * time.Hour
	for _, row := range []struct {
		name       string
		date, ours time.Duration // of the read that lists the event from the future
		contacted  bool
	}{
		{"the API's, at contact", ahead, 0, false},
		{"the API's, later", ahead, 0, true},
		{"ours, at contact", 0, ahead, false},
		{"ours, later", 0, ahead, true},
		{"the API's, while ours is behind", ahead, -time.Hour, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p := testPolicy()
			p.Window, p.Hold = time.Hour, 0
			a := newAccount(AccountRow{}, p)
			a.List([]Found{{ID: "a", Meta: Meta{CreatedAt: epoch.Add(-time.Hour)}}}, epoch, epoch)
			list := func(date, now time.Time, items ...item) {
				t.Helper()
				r := a.Begin("a", now, date, now)
				for _, it := range items {
					r.Note([]byte(it.id), it.typ, it.created)
					if r.Enough() {
						break
					}
				}
				a.Apply(r, now)
				a.End(r, !r.Enough(), now)
			}
			want := uint64(0)
			if row.contacted {
				list(epoch, epoch)
				want++
			}
			items := []item{at(0, ahead)}
			list(epoch.Add(row.date), epoch.Add(row.ours), items...)
			now := epoch
			for n := range 20 {
				now = now.Add(15 * time.Second)
				a.Promote(now)
				items = append([]item{at(n+1, now.Sub(epoch))}, items...)
				list(now, now, items...)
				want++
				if got := counted(a, "a"); got != want {
					t.Fatalf("%d events are counted after %v, want %d", got, now.Sub(epoch), want)
				}
			}
		})
	}
}
