package ledger

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

const (
	testURL = "https://api.example"
	failed  = "video.process_failed"
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

// read reads an endpoint's list once.
func read(t *testing.T, a *Account, endpoint string, now time.Time, complete bool, items ...item) bool {
	t.Helper()
	r := a.Begin(endpoint, now, now, now)
	if r == nil {
		t.Fatalf("unknown endpoint %s", endpoint)
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

func counterOf(v *View, endpoint string, kind CounterKind, typ string, code Code) (uint64, bool) {
	for _, e := range v.Endpoints {
		if e.ID != endpoint {
			continue
		}
		for _, c := range e.Counters.All {
			if c.Kind == kind && c.Type == typ && c.Code == code {
				return c.Value, true
			}
		}
	}
	return 0, false
}

// happen lists new events of an endpoint.
func happen(a *Account, endpoint string, now time.Time, ids ...string) {
	r := a.Begin(endpoint, now, now, now)
	for _, id := range ids {
		r.Note([]byte(id), failed, now.Unix())
	}
	a.Apply(r, now)
	a.End(r, false, now)
}

func eventsOf(v *View, endpoint string) uint64 {
	n, _ := counterOf(v, endpoint, CountEvents, failed, 0)
	return n
}

// inMemory returns the rows of an account.
func inMemory(a *Account) *Batch {
	row := a.row.Clone()
	b := &Batch{Account: &row}
	for id, e := range a.endpoints {
		b.Endpoints = append(b.Endpoints, e.row.Clone())
		for key, s := range e.counters.rows {
			b.Counters = append(b.Counters, CounterRow{id, key, s.value, s.Born, s.Released, s.exemplar})
		}
		if l := e.counters.latency; l != nil {
			b.Latencies = append(b.Latencies, LatencyRow{id, l.counts, l.Born, l.Released})
		}
		for i, ev := range e.events.table.all() {
			row := EventRow{Endpoint: id, Slot: i, Event: *ev, Relisted: e.events.relists[i]}
			if ev.Key.Hashed() {
				row.ID = e.events.ids[ev.Key]
			}
			b.Events = append(b.Events, row)
		}
		for _, f := range e.failures.rows {
			b.Failures = append(b.Failures, FailureRow{id, f.at.Time, f.at.Key, f.Failure})
		}
		for key, trace := range e.traces.rows {
			if i, ok := e.events.find(key); ok {
				b.Traces = append(b.Traces, TraceRow{Endpoint: id, Time: e.events.at(i).Time, Key: key, Trace: trace, Odd: e.traces.odd[key]})
			}
		}
	}
	return b
}

// fataler is what testing.TB and rapid.T have in common.
type fataler interface {
	Helper()
	Fatal(...any)
}

// restarted returns the account after a restart at which everything was durable. A nil
// account stands for an empty state.
func restarted(t fataler, a *Account, policy Policy, now time.Time) *Account {
	t.Helper()
	next, err := Load(func(rows Rows) error {
		if a == nil {
			return nil
		}
		a.Batch()
		return inMemory(a).Hand(rows)
	}, testURL, policy, false, now)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// Hand passes the rows on, like a store.
func (b *Batch) Hand(rows Rows) error {
	var errs []error
	if b.Account != nil {
		errs = append(errs, rows.Account(*b.Account))
	}
	for _, r := range b.Endpoints {
		errs = append(errs, rows.Endpoint(r))
	}
	for _, r := range b.Counters {
		errs = append(errs, rows.Counter(r))
	}
	for _, r := range b.Latencies {
		errs = append(errs, rows.Latency(r))
	}
	for _, r := range b.Events {
		errs = append(errs, rows.Event(r))
	}
	for _, r := range b.Failures {
		errs = append(errs, rows.Failure(r))
	}
	for _, r := range b.Traces {
		errs = append(errs, rows.Trace(r))
	}
	return errors.Join(errs...)
}

func bucketSum(c LatencyCounts) (sum uint64) {
	for _, n := range c.Buckets {
		sum += n
	}
	return sum
}
