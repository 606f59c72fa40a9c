package web

import (
	"fmt"
	"testing"
	"time"

	"omegastream_exporter/internal/ledger"
)

// crowded returns the pages of an account with this many events in the window, one in ten of
// them failed.
func crowded(t testing.TB, events int) *Pages {
	t.Helper()
	st := openState(t, policy())
	const endpoints = 10
	st.Do(func(a *ledger.Account) {
		var found []ledger.Found
		for i := range endpoints {
			found = append(found, ledger.Found{ID: fmt.Sprintf("ep-%d", i), Meta: ledger.Meta{URL: fmt.Sprintf("host-%d.example.com", i), Active: true}})
		}
		a.List(found, epoch, epoch)
		for _, f := range found {
			r := a.Begin(f.ID, epoch, epoch, epoch)
			for n := range events / endpoints {
				created := epoch.Add(-time.Duration(n) * 23 * time.Hour / time.Duration(events/endpoints))
				if r.Note([]byte(hexID(n)), ledger.DocumentedTypes()[n%10], created.Unix()) {
					a.Apply(r, epoch)
				}
			}
			a.Apply(r, epoch)
			a.End(r, true, epoch)
		}
		for n := 0; ; n++ {
			task, ok := a.Take(epoch, func(ledger.Class) bool { return true })
			if !ok {
				break
			}
			switch {
			case n%10 == 0:
				a.Answered(task, answered(500+n%4, "webhook event failed"), epoch)
			case n%101 == 0:
				a.Answered(task, ledger.Answer{}, epoch)
			default:
				a.Answered(task, ledger.Answer{Responded: true, StatusCode: 200}, epoch)
			}
		}
	})
	if err := st.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return New(st, options())
}

var benchPaths = map[string]string{
	"overview": "/", "endpoint": "/endpoints/ep-3", "json": "/endpoints/ep-3?format=json", "event": "/events/" + hexID(7),
}

func BenchmarkPages(b *testing.B) {
	for _, events := range []int{1000, 100_000} {
		p := crowded(b, events)
		for name, path := range benchPaths {
			b.Run(fmt.Sprintf("%s/%d", name, events), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if response, _ := get(p, path); response.StatusCode != 200 {
						b.Fatal(response.StatusCode)
					}
				}
			})
		}
	}
}

// BenchmarkLocked measures how long a page locks the account.
func BenchmarkLocked(b *testing.B) {
	p := crowded(b, 100_000)
	for b.Loop() {
		p.state.Look(func(a *ledger.Account) {
			a.Hours("ep-3")
			a.Pending("ep-3", maxPending)
			a.Events(hexID(7))
		})
	}
}

// The cost of a page does not depend on the number of events.
func TestPagesCostTheSame(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts what others allocate, too
	allocations := func(events int) map[string]float64 {
		p, found := crowded(t, events), make(map[string]float64)
		for name, path := range benchPaths {
			found[name] = testing.AllocsPerRun(5, func() {
				if response, _ := get(p, path); response.StatusCode != 200 {
					t.Fatalf("%s: %d", name, response.StatusCode)
				}
			})
		}
		return found
	}
	few, many := allocations(100_000), allocations(300_000)
	for name := range benchPaths {
		if many[name] > 1.2*few[name] {
			t.Errorf("%s: %.0f allocations with 300,000 events, %.0f with 100,000", name, many[name], few[name])
		}
	}
	t.Logf("100,000 events: %v, 300,000: %v", few, many)
}
