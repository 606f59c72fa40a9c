package ledger

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestGone(t *testing.T) {
	t.Parallel()
	ep, other := Found{ID: "ep"}, Found{ID: "other"}
	for _, row := range []struct {
		name   string
		pinned bool
		listed []time.Duration // listings without the endpoint
		back   bool
		shown  bool
	}{
		{"missed once", false, []time.Duration{0}, false, true},
		{"missed twice within half a minute", false, []time.Duration{0, 29 * time.Second}, false, true},
		{"missed twice over half a minute", false, []time.Duration{0, 30 * time.Second}, false, false},
		{"listed again", false, []time.Duration{0, time.Minute}, true, true},
		{"named by flag", true, []time.Duration{0, time.Hour, 40 * 24 * time.Hour}, false, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p := testPolicy()
			if row.pinned {
				p.Endpoints = []string{"ep"}
			}
			a := newAccount(AccountRow{}, p)
			a.Pin()
			a.List([]Found{ep, other}, epoch, epoch)
			now := epoch
			for _, d := range row.listed {
				now = epoch.Add(d)
				a.List([]Found{other}, now, now)
			}
			if row.back {
				a.List([]Found{ep, other}, now, now)
			}
			shown := slices.ContainsFunc(a.View(now).Endpoints, func(e *EndpointView) bool { return e.ID == "ep" })
			if shown != row.shown {
				t.Errorf("shown %v", shown)
			}
		})
	}
}

func TestGoneLedgerIsKeptForThirtyDays(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		after time.Duration
		want  uint64
	}{{30*24*time.Hour - time.Second, 2}, {30 * 24 * time.Hour, 0}} {
		a := account(t, "ep")
		other := []Found{{ID: "other"}}
		read(t, a, "ep", epoch, true)
		read(t, a, "ep", epoch, true, at(1, 0))
		a.List(other, epoch, epoch)
		gone := epoch.Add(time.Minute)
		a.List(other, gone, gone)
		if n := a.Untried(); n != 0 {
			t.Errorf("scrapes wait for %d details of an endpoint that is gone", n)
		}
		now := gone.Add(row.after)
		a.List(other, now, now)
		a.List([]Found{{ID: "ep", Meta: Meta{CreatedAt: epoch}}}, now, now)
		read(t, a, "ep", now, true, at(2, time.Hour), at(1, 0))
		if n := counted(a, "ep"); n != row.want {
			t.Errorf("after %v: %d counted, want %d", row.after, n, row.want)
		}
		if row.want > 0 && a.Untried() != 2 {
			t.Errorf("%d untried", a.Untried())
		}
	}
}

// A read that outlasts its endpoint changes nothing.
func TestReadingOfADroppedEndpoint(t *testing.T) {
	t.Parallel()
	a := account(t, "ep")
	read(t, a, "ep", epoch, true)
	r := a.Begin("ep", epoch, epoch, epoch)
	r.Note([]byte("x"), failed, epoch.Unix())
	for _, d := range []time.Duration{0, time.Minute, 32 * 24 * time.Hour} {
		a.List([]Found{{ID: "other"}}, epoch.Add(d), epoch.Add(d))
	}
	a.Batch()
	if a.Apply(r, epoch) != 0 || a.End(r, true, epoch) || a.Batch().Rows() != 0 || a.Untried() != 0 {
		t.Error("the read changed something")
	}
	if a.Begin("ep", epoch, epoch, epoch) != nil {
		t.Error("Begin returns a read of an unknown endpoint")
	}
}

func TestHold(t *testing.T) {
	t.Parallel()
	a := newAccount(AccountRow{}, testPolicy())
	a.List([]Found{{ID: "ep", Meta: Meta{Events: []string{failed}}}}, epoch, epoch)
	read(t, a, "ep", epoch, true)
	read(t, a, "ep", epoch, true, at(1, 0))
	show := func(after time.Duration) uint64 { return eventsOf(a.View(epoch.Add(after)), "ep") }
	a.Release(epoch.Add(time.Hour))
	if n := show(time.Hour); n != 0 || !a.Held() {
		t.Errorf("%d before the series was shown at 0", n)
	}
	a.Shown(a.View(epoch), epoch)
	a.Release(epoch.Add(time.Minute - time.Second))
	if n := show(time.Minute); n != 0 {
		t.Errorf("%d before the end of the hold", n)
	}
	a.Release(epoch.Add(time.Minute))
	if n := show(time.Minute); n != 1 || a.Held() {
		t.Errorf("%d after the hold, held %v", n, a.Held())
	}
}

func TestFirstScrapeShowsWhatWasLoaded(t *testing.T) {
	t.Parallel()
	a := New(testURL, testPolicy(), epoch)
	a.List([]Found{{ID: "ep", Meta: Meta{Events: []string{failed}}}}, epoch, epoch)
	read(t, a, "ep", epoch, true)
	read(t, a, "ep", epoch, true, at(1, 0))
	a.Shown(a.View(epoch), epoch)
	a.Release(epoch.Add(time.Minute))
	a = restarted(t, a, testPolicy(), epoch)
	read(t, a, "ep", epoch, true, at(2, time.Minute), at(1, 0))
	for _, row := range []struct {
		after    time.Duration
		complete bool
		want     uint64
		until    time.Duration // 0 if unknown
		held     bool
	}{
		{0, false, 1, 0, true},
		{time.Hour, true, 1, time.Hour + time.Minute, true}, // the first scraper of a pair
		{time.Hour + 30*time.Second, true, 1, time.Hour + time.Minute, true},
		{time.Hour + time.Minute - time.Second, true, 1, time.Hour + time.Minute, true},
		{time.Hour + time.Minute, true, 2, 0, false},
		{time.Hour + 2*time.Minute, true, 2, 0, false},
	} {
		now := epoch.Add(row.after)
		a.Release(now)
		v := a.View(now)
		if n := eventsOf(v, "ep"); n != row.want {
			t.Errorf("after %v a scrape shows %d, want %d", row.after, n, row.want)
		}
		if row.complete {
			a.Shown(v, now)
		}
		until, held := a.HeldUntil()
		if held != row.held || until.IsZero() != (row.until == 0) || row.until != 0 && !until.Equal(epoch.Add(row.until)) {
			t.Errorf("after %v counters are held until %v (%v)", row.after, until, held)
		}
	}
}

// A start within the hold of the previous one is reported; a later start, or one after the
// clock was set back, is not.
func TestStartSoonAfterAnother(t *testing.T) {
	t.Parallel()
	var a *Account
	for _, row := range []struct {
		at   time.Duration
		soon bool
	}{{0, false}, {59 * time.Second, true}, {2 * time.Minute, false}, {time.Minute, false}, {time.Minute, true}} {
		now := epoch.Add(row.at)
		a = restarted(t, a, testPolicy(), now)
		if soon := a.Started(now); soon != row.soon {
			t.Errorf("a start after %v is soon: %v", row.at, soon)
		}
	}
}

// After a run without holds, a later run does not hold the values that were shown.
func TestHoldIsNotTakenUpAgain(t *testing.T) {
	t.Parallel()
	var a *Account
	p := testPolicy()
	for _, hold := range []time.Duration{time.Minute, 0, time.Minute} {
		p.Hold = hold
		a = restarted(t, a, p, epoch)
		a.List([]Found{{ID: "ep", Meta: Meta{Events: []string{failed}}}}, epoch, epoch)
		read(t, a, "ep", epoch, true)
		read(t, a, "ep", epoch, true, at(1, 0))
	}
	a = restarted(t, a, p, epoch)
	if n := eventsOf(a.View(epoch), "ep"); n != 1 {
		t.Errorf("shown %d, was 1 before", n)
	}
}

func TestResetCountersKeepsWhatWasSeen(t *testing.T) {
	t.Parallel()
	a := account(t, "ep")
	read(t, a, "ep", epoch, true)
	read(t, a, "ep", epoch, true, at(1, 0))
	task, _ := a.Take(epoch, func(Class) bool { return true })
	a.Answered(task, response(500), epoch)
	later := epoch.Add(time.Hour)
	a.ResetCounters(later)
	read(t, a, "ep", later, true, at(2, time.Hour), at(1, 0))
	v := a.View(later).Endpoints[0]
	for _, c := range v.Counters.All {
		if want := uint64(one(c.Kind == CountEvents)); c.Value != want || !c.Born.Equal(later) || c.Exemplar != nil {
			t.Errorf("%+v, want %d", c, want)
		}
	}
	if v.Consecutive != 1 || v.Tracked != 2 {
		t.Errorf("consecutive %d, tracked %d", v.Consecutive, v.Tracked)
	}
}

func TestKnownLabelSetsAtContact(t *testing.T) {
	t.Parallel()
	a := account(t, "ep")
	read(t, a, "ep", epoch, true, item{hexID(1), "video.deleted", epoch.Unix()})
	label := func(k CounterKind, typ string, code Code, r Reason) string {
		if k == CountNoResponse || k == CountGaps {
			typ = "" // these have no type
		}
		return fmt.Sprint(k, typ, code, r)
	}
	var got []string
	for _, c := range a.View(epoch).Endpoints[0].Counters.All {
		got = append(got, label(c.Kind, c.Type, c.Code, c.Reason))
		if c.Value != 0 {
			t.Errorf("%+v is not 0", c)
		}
	}
	want := []string{label(CountGaps, "", 0, 0)}
	for _, typ := range []string{failed, "video.deleted"} {
		want = append(want, label(CountEvents, typ, 0, 0), label(CountRecoveries, typ, 0, 0), label(CountDeliveries, typ, 200, 0), label(CountDeliveries, typ, CodeNone, 0))
	}
	for _, r := range Reasons() {
		want = append(want, label(CountNoResponse, "", 0, r))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	task, _ := a.Take(epoch, func(Class) bool { return true })
	a.Answered(task, response(503), epoch)
	if n, ok := counterOf(a.View(epoch), "ep", CountDeliveries, "video.deleted", 503); n != 0 || !ok {
		t.Errorf("the counter of history: %d, %v", n, ok)
	}
}

func TestExemplarIsTheNewestFailure(t *testing.T) {
	t.Parallel()
	a := account(t, "ep")
	read(t, a, "ep", epoch, true)
	read(t, a, "ep", epoch, true, at(3, 2*time.Second), at(2, time.Second), at(1, 0))
	tasks := make(map[string]Task)
	for range 3 {
		task, _ := a.Take(epoch, func(Class) bool { return true })
		tasks[task.EventID] = task
	}
	for i, n := range []int{2, 3, 1} {
		a.Answered(tasks[hexID(n)], response(500), epoch.Add(time.Duration(i)*time.Minute))
	}
	for _, c := range a.View(epoch).Endpoints[0].Counters.All {
		if c.Code == 500 && (c.Exemplar == nil || c.Exemplar.EventID != hexID(3) || !c.Exemplar.Observed.Equal(epoch.Add(time.Minute))) {
			t.Errorf("%+v", c.Exemplar)
		}
	}
}

func TestFoldedTypesAreShownAsLoadedFirst(t *testing.T) {
	t.Parallel()
	a := newAccount(AccountRow{FoldedTypes: 3}, testPolicy())
	a.List([]Found{{ID: "ep"}}, epoch, epoch)
	read(t, a, "ep", epoch, true)
	read(t, a, "ep", epoch, true, item{hexID(1), "other", epoch.Unix()})
	v := a.View(epoch)
	a.Shown(v, epoch)
	a.Release(epoch.Add(time.Minute))
	if after := a.View(epoch); v.FoldedTypes != 3 || after.FoldedTypes != 4 {
		t.Errorf("%d, then %d", v.FoldedTypes, after.FoldedTypes)
	}
}
