package file

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
)

func TestSmoke(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "deep", "ledger.db")
	ctx := context.Background()
	open := func() *state.State {
		b, how, err := state.Open(ctx, New(path), "https://api", storetest.Policy(), storetest.Quiet{})
		if err != nil || how.Cause != nil {
			t.Fatal(err, how)
		}
		return b
	}
	b := open()
	now := storetest.Epoch
	const typ = "video.process_failed"
	at := func(n int) storetest.Item {
		return storetest.Item{ID: storetest.HexID(n), Type: typ, Created: storetest.Epoch.Add(time.Duration(n) * time.Minute).Unix()}
	}
	b.Do(func(a *ledger.Account) {
		a.List([]ledger.Found{{ID: "ep", CompanyID: "co", Meta: ledger.Meta{Events: []string{typ}}}}, now, now)
		if !storetest.Read(t, a, "ep", now, true, at(-1), at(-60), at(-3000)) {
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
	if n, ok := storetest.CounterOf(v, "ep", ledger.CountEvents, typ, 0); n != 0 || !ok {
		t.Errorf("events %d %v", n, ok)
	}
	b.Do(func(a *ledger.Account) { a.Shown(v, now) })
	now = now.Add(2 * time.Minute)
	b.Do(func(a *ledger.Account) {
		a.Release(now)
		storetest.Read(t, a, "ep", now, true, at(1), at(0), at(-1), at(-60), at(-3000))
		if a.Untried() != 2 {
			t.Errorf("untried %d", a.Untried())
		}
		for {
			task, ok := a.Take(now, func(ledger.Class) bool { return true })
			if !ok {
				break
			}
			t.Log(task)
			a.Answered(task, ledger.Answer{Responded: true, StatusCode: 500}, now)
		}
	})
	flush()
	v = b.View(now)
	if n, _ := storetest.CounterOf(v, "ep", ledger.CountEvents, typ, 0); n != 2 {
		t.Errorf("events %d", n)
	}
	if n, ok := storetest.CounterOf(v, "ep", ledger.CountDeliveries, typ, 500); n != 0 || !ok {
		t.Errorf("deliveries %d %v, want held", n, ok)
	}
	if e := v.Endpoints[0]; e.Consecutive != 4 || len(e.Window) != 3 {
		t.Errorf("%+v", e)
	}
	b.Do(func(a *ledger.Account) { a.Shown(v, now) })
	now = now.Add(time.Minute)
	b.Do(func(a *ledger.Account) { a.Release(now) })
	flush()
	if n, _ := storetest.CounterOf(b.View(now), "ep", ledger.CountDeliveries, typ, 500); n != 2 {
		t.Errorf("deliveries %d", n)
	}
	if err := b.Close(ctx); err != nil {
		t.Fatal(err)
	}
	b = open()
	v = b.View(now)
	if n, _ := storetest.CounterOf(v, "ep", ledger.CountDeliveries, typ, 500); n != 2 {
		t.Errorf("deliveries %d after a restart", n)
	}
	if e := v.Endpoints[0]; e.Consecutive != 4 || e.Tracked != 4 {
		t.Errorf("%+v", e)
	}
	now = now.Add(25 * time.Hour)
	b.Do(func(a *ledger.Account) { storetest.Read(t, a, "ep", now, true, at(25*60)) })
	flush()
	if e := b.View(now).Endpoints[0]; e.Consecutive != 4 || e.Tracked != 1 {
		t.Errorf("%+v", e)
	}
	if err := b.Close(ctx); err != nil {
		t.Fatal(err)
	}
}
