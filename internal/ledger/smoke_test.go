package ledger

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func testPolicy() Policy {
	return Policy{Window: 24 * time.Hour, Overlap: 15 * time.Minute, NoResponseAfter: 10 * time.Minute, Hold: time.Minute}
}

func hexID(n int) string { return fmt.Sprintf("%024x", n+1<<20) }

type item struct {
	id, typ string
	created int64
}

// read makes one pass over an endpoint's list.
func read(t *testing.T, a *Account, endpoint string, now time.Time, complete bool, items ...item) bool {
	t.Helper()
	r := a.Begin(endpoint, now, now, now)
	if r == nil {
		t.Fatalf("endpoint %s is not known", endpoint)
	}
	for _, it := range items {
		if r.Note([]byte(it.id), it.typ, it.created) {
			a.Apply(r, now)
		}
		if r.Enough() {
			complete = false
			break
		}
	}
	a.Apply(r, now)
	return a.End(r, complete, now)
}

func counter(v *View, endpoint string, kind Kind, typ string, code Code) (uint64, bool) {
	for _, e := range v.Endpoints {
		if e.ID != endpoint {
			continue
		}
		for _, c := range e.Counters.Series {
			if c.Kind == kind && c.Type == typ && c.Code == code {
				return c.Value, true
			}
		}
	}
	return 0, false
}

func TestSmoke(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "deep", "ledger.db")
	ctx := context.Background()
	open := func() *Book {
		b, how, err := Open(ctx, NewFile(path), "https://api", testPolicy(), quiet{})
		if err != nil || how.Cause != nil {
			t.Fatal(err, how)
		}
		return b
	}
	b := open()
	now := epoch
	const typ = "video.process_failed"
	at := func(n int) item { return item{hexID(n), typ, epoch.Add(time.Duration(n) * time.Minute).Unix()} }
	b.Do(func(a *Account) {
		a.List([]Found{{ID: "ep", CompanyID: "co", Meta: Meta{Events: []string{typ}}}}, now, now)
		if !read(t, a, "ep", now, true, at(-1), at(-60), at(-3000)) {
			t.Error("not sufficient")
		}
	})
	flush := func() {
		t.Helper()
		if err := b.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	flush()
	v := b.View(now)
	if e := v.Endpoints[0]; e.Tracked != 2 || e.HistoryBacklog != 2 || !e.Contacted || e.Listed != 3 {
		t.Errorf("%+v", e)
	}
	if n, ok := counter(v, "ep", CountEvents, typ, 0); n != 0 || !ok {
		t.Errorf("events %d %v", n, ok)
	}
	b.Do(func(a *Account) { a.Shown(v, now) })
	now = now.Add(2 * time.Minute)
	b.Do(func(a *Account) {
		a.Release(now)
		read(t, a, "ep", now, true, at(1), at(0), at(-1), at(-60), at(-3000))
		if a.Untried() != 2 {
			t.Errorf("untried %d", a.Untried())
		}
		for {
			task, ok := a.Take(now, func(Class) bool { return true })
			if !ok {
				break
			}
			t.Log(task)
			a.Answered(task, Answer{Responded: true, StatusCode: 500}, now)
		}
	})
	flush()
	v = b.View(now)
	if n, _ := counter(v, "ep", CountEvents, typ, 0); n != 2 {
		t.Errorf("events %d", n)
	}
	if n, ok := counter(v, "ep", CountDeliveries, typ, 500); n != 0 || !ok {
		t.Errorf("deliveries %d %v, want held", n, ok)
	}
	if e := v.Endpoints[0]; e.Consecutive != 4 || len(e.Window) != 3 {
		t.Errorf("%+v", e)
	}
	b.Do(func(a *Account) { a.Shown(v, now) })
	now = now.Add(time.Minute)
	b.Do(func(a *Account) { a.Release(now) })
	flush()
	if n, _ := counter(b.View(now), "ep", CountDeliveries, typ, 500); n != 2 {
		t.Errorf("deliveries %d", n)
	}
	if err := b.Close(ctx); err != nil {
		t.Fatal(err)
	}
	b = open()
	v = b.View(now)
	if n, _ := counter(v, "ep", CountDeliveries, typ, 500); n != 2 {
		t.Errorf("deliveries %d after a restart", n)
	}
	if e := v.Endpoints[0]; e.Consecutive != 4 || e.Tracked != 4 {
		t.Errorf("%+v", e)
	}
	now = now.Add(25 * time.Hour)
	b.Do(func(a *Account) { read(t, a, "ep", now, true, at(25*60)) })
	flush()
	if e := b.View(now).Endpoints[0]; e.Consecutive != 4 || e.Tracked != 1 {
		t.Errorf("%+v", e)
	}
	if err := b.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

type quiet struct{}

func (quiet) Committed(time.Duration) {}
func (quiet) CommitFailed(error)      {}
func (quiet) LoadedAnew(error)        {}
func (quiet) Waiting(error)           {}
