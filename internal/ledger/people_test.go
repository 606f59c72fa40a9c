package ledger

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// The hours agree with a recount of all events.
func TestHoursFollowTheEvents(t *testing.T) {
	t.Parallel()
	a := account(t, "ep")
	var items []item
	for i := range 300 {
		items = append(items, at(i, time.Duration(-5*i)*time.Minute))
	}
	check := func(when string) {
		t.Helper()
		want := make(map[int64]*Hour)
		for _, ev := range a.endpoints["ep"].events.table.all() {
			if !ev.Resolved() {
				continue
			}
			start := ev.Time / 3600 * 3600
			if want[start] == nil {
				want[start] = &Hour{Start: start}
			}
			if ev.Code.Success() {
				want[start].Delivered++
			} else {
				want[start].Failed++
			}
		}
		got := a.Hours("ep")
		if len(got) != len(want) || !slices.IsSortedFunc(got, func(a, b Hour) int { return int(a.Start - b.Start) }) {
			t.Fatalf("%s: %d hours of %d: %v", when, len(got), len(want), got)
		}
		for _, h := range got {
			if w := want[h.Start]; w == nil || *w != h {
				t.Errorf("%s: %+v, want %+v", when, h, w)
			}
		}
	}
	read(t, a, "ep", epoch, true, items...)
	check("listed")
	n := 0
	answer := func(Task) Answer { n++; return Answer{Responded: true, StatusCode: []int{200, 500, 0}[n%3]} }
	answerAll(a, epoch, answer)
	check("answered")
	if len(a.Hours("ep")) < 24 {
		t.Errorf("%d hours", len(a.Hours("ep")))
	}
	answerAll(a, epoch.Add(time.Hour), func(Task) Answer { return Answer{Responded: true, StatusCode: 200} })
	check("healed")
	later := epoch.Add(20 * time.Hour)
	read(t, a, "ep", later, true, item{hexID(999), "t", later.Unix()})
	check("forgotten")
	if a.Hours("nobody") != nil {
		t.Error("an unknown endpoint has hours")
	}
}

func TestPendingOldestFirst(t *testing.T) {
	t.Parallel()
	a := account(t, "ep")
	var items []item
	for i := range 50 {
		items = append(items, at(i, time.Duration(-i)*time.Minute))
	}
	read(t, a, "ep", epoch, true, items...)
	answerAll(a, epoch, func(Task) Answer { return Answer{} })
	now := epoch.Add(time.Hour) // events that are answered now leave rows in the queue
	answerAll(a, now, func(Task) Answer { return Answer{Responded: true, StatusCode: 200} })
	for i := range 20 {
		items = append([]item{at(100+i, time.Duration(60+i)*time.Minute)}, items...)
	}
	read(t, a, "ep", now.Add(time.Hour), true, items...)
	answerAll(a, now.Add(time.Hour), func(Task) Answer { return Answer{} })
	got := a.Pending("ep", 15)
	if len(got) != 15 {
		t.Fatalf("%d events", len(got))
	}
	for i, k := range got {
		if want := at(100+i, time.Duration(60+i)*time.Minute); k.EventID != want.id || k.Time != want.created || k.Type != want.typ || k.EndpointID != "ep" || k.Stage != Pending {
			t.Errorf("%d: %+v, want %+v", i, k, want)
		}
	}
	e := a.endpoints["ep"]
	e.events.oldestWait.push(e.events.oldestWait.rows[0].at, e.events.oldestWait.rows[0].slot) // like a slot that is used again
	if all := a.Pending("ep", 100); len(all) != 20 || a.Pending("nobody", 1) != nil {
		t.Errorf("%d events", len(all))
	}
}

func TestEventsOverEndpoints(t *testing.T) {
	t.Parallel()
	a := account(t, "b", "a", "c")
	same := item{"odd \u00e9 id", "t", epoch.Unix()}
	read(t, a, "a", epoch, true, same)
	read(t, a, "b", epoch, true, at(1, 0), same)
	read(t, a, "c", epoch, true, at(2, 0))
	var got []string
	for _, k := range a.Events(same.id) {
		got = append(got, k.EndpointID+" "+k.EventID)
	}
	if diff := cmp.Diff([]string{"a " + same.id, "b " + same.id}, got); diff != "" {
		t.Error(diff)
	}
}

func TestProse(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 300)
	for _, row := range []struct {
		text           string
		limit          int
		prose, passage string
	}{
		{"plain <b>&amp; \u00e9\u4e16", 99, "plain <b>&amp; \u00e9\u4e16", "plain <b>&amp; \u00e9\u4e16"},
		{" a\tb\r\nc\n", 99, `a\tb\r\nc`, " a\tb" + `\r` + "\nc\n"},
		{"\x1b[31mred\x00\x7f\u0085", 99, `\x1b[31mred\x00\x7f\x85`, `\x1b[31mred\x00\x7f\x85`},
		{"a\u202eb\u2028c\ufeffd\u00a0e", 99, `a\u202eb\u2028c\ufeffd\xa0e`, `a\u202eb\u2028c\ufeffd\xa0e`},
		{"bad \xff byte", 99, "bad \ufffd byte", "bad \ufffd byte"},
		{long, 21, strings.Repeat("é", 9) + "…", strings.Repeat("é", 9) + "…"},
		{"\x00\x00\x00", 10, `\x00\x0…`, `\x00\x0…`},
		{"exactly 10", 10, "exactly 10", "exactly 10"},
	} {
		for what, got := range map[string]string{row.prose: Prose(row.text, row.limit), row.passage: Passage(row.text, row.limit)} {
			if got != what || len(got) > row.limit || !utf8.ValidString(got) {
				t.Errorf("%q: %q, want %q", row.text, got, what)
			}
		}
	}
}
