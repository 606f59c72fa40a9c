package storetest

import (
	"fmt"
	"testing"
	"time"

	"omegastream_exporter/internal/ledger"
)

// What the accounts of tests have.
const (
	URL  = "https://api.example"
	Type = "video.process_failed"
)

// Epoch is when most tests begin.
var Epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Policy returns a policy with holds.
func Policy() ledger.Policy {
	return ledger.Policy{Window: 24 * time.Hour, Overlap: 15 * time.Minute, NoResponseAfter: 10 * time.Minute, Hold: time.Minute}
}

// HexID returns the id of the n-th event.
func HexID(n int) string { return fmt.Sprintf("%024x", n+1<<20) }

// Item is an element of a list.
type Item struct {
	ID, Type string
	Created  int64
}

// Read reads an endpoint's list once.
func Read(t *testing.T, a *ledger.Account, endpoint string, now time.Time, complete bool, items ...Item) bool {
	t.Helper()
	r := a.Begin(endpoint, now, now, now)
	if r == nil {
		t.Fatalf("unknown endpoint %s", endpoint)
	}
	for _, it := range items {
		if r.Note([]byte(it.ID), it.Type, it.Created) {
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

// CounterOf returns the value of a counter in a view.
func CounterOf(v *ledger.View, endpoint string, kind ledger.CounterKind, typ string, code ledger.Code) (uint64, bool) {
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

// Contact contacts new endpoints, which have no history.
func Contact(a *ledger.Account, now time.Time, ids ...string) {
	found := make([]ledger.Found, len(ids))
	for i, id := range ids {
		found[i] = ledger.Found{ID: id, Meta: ledger.Meta{Events: []string{Type}, CreatedAt: now}}
	}
	a.List(found, now, now)
	for _, id := range ids {
		a.End(a.Begin(id, now, now, now), true, now)
	}
}

// Happen lists new events of an endpoint.
func Happen(a *ledger.Account, endpoint string, now time.Time, ids ...string) {
	r := a.Begin(endpoint, now, now, now)
	for _, id := range ids {
		r.Note([]byte(id), Type, now.Unix())
	}
	a.Apply(r, now)
	a.End(r, false, now)
}

// EventsOf returns the number of counted events of [Type] of an endpoint.
func EventsOf(v *ledger.View, endpoint string) uint64 {
	n, _ := CounterOf(v, endpoint, ledger.CountEvents, Type, 0)
	return n
}

// ShownCounters returns the shown counters of a view by name.
func ShownCounters(v *ledger.View) map[string]uint64 {
	shown := make(map[string]uint64)
	for _, e := range v.Endpoints {
		for _, c := range e.Counters.All {
			shown[e.ID+" "+CounterName(c.Kind, c.Type, c.Code, c.Reason)] = c.Value
		}
		if l := e.Counters.Latency; l != nil {
			shown[e.ID+" latency"] = BucketSum(l.Counts)
		}
	}
	return shown
}

// BucketSum returns the number of observations.
func BucketSum(c ledger.LatencyCounts) (sum uint64) {
	for _, n := range c.Buckets {
		sum += n
	}
	return sum
}

// CounterName returns a name for a counter.
func CounterName(k ledger.CounterKind, typ string, code ledger.Code, reason ledger.Reason) string {
	switch k { //nolint:exhaustive // the rest is gaps
	case ledger.CountEvents:
		return "events " + typ
	case ledger.CountDeliveries:
		return "deliveries " + typ + " " + code.String()
	case ledger.CountNoResponse:
		return "noresponse " + reason.String()
	case ledger.CountRecoveries:
		return "recoveries " + typ
	case ledger.CountUnresolved:
		return "unresolved " + typ
	}
	return "gaps"
}

// AnswerAll answers for every detail that is due.
func AnswerAll(a *ledger.Account, now time.Time, answer ledger.Answer) {
	a.Promote(now)
	for {
		task, ok := a.Take(now, func(ledger.Class) bool { return true })
		if !ok {
			return
		}
		a.Answered(task, answer, now)
	}
}
