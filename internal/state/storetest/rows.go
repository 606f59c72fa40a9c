package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
)

// Collect returns every row of a store, in the order of a double.
func Collect(t testing.TB, s state.Store) (*Double, error) {
	t.Helper()
	c := &collector{rows: NewDouble()}
	err := s.Load(context.Background(), c)
	return c.rows, errors.Join(err, s.Close())
}

type collector struct{ rows *Double }

func (c *collector) Account(r ledger.AccountRow) error { return c.put(ledger.Batch{Account: &r}) }

func (c *collector) Endpoint(r ledger.EndpointRow) error {
	return c.put(ledger.Batch{Endpoints: []ledger.EndpointRow{r}})
}

func (c *collector) Counter(r ledger.CounterRow) error {
	return c.put(ledger.Batch{Counters: []ledger.CounterRow{r}})
}

func (c *collector) Latency(r ledger.LatencyRow) error {
	return c.put(ledger.Batch{Latencies: []ledger.LatencyRow{r}})
}

func (c *collector) Event(r ledger.EventRow) error {
	return c.put(ledger.Batch{Events: []ledger.EventRow{r}})
}

func (c *collector) Failure(r ledger.FailureRow) error {
	return c.put(ledger.Batch{Failures: []ledger.FailureRow{r}})
}

func (c *collector) Trace(r ledger.TraceRow) error {
	return c.put(ledger.Batch{Traces: []ledger.TraceRow{r}})
}

func (c *collector) put(b ledger.Batch) error { return c.rows.Commit(context.Background(), &b) }

// EveryRow returns a batch with a row of every kind, for n endpoints of m events.
func EveryRow(n, m int) *ledger.Batch {
	b := &ledger.Batch{Account: &ledger.AccountRow{APIURL: URL, CompanyID: "co", Created: Epoch, Types: []string{"video.odd"}, LastListing: Epoch}}
	for i := range n {
		id := fmt.Sprintf("endpoint-%d", i)
		b.Endpoints = append(b.Endpoints, ledger.EndpointRow{
			ID: id, Meta: &ledger.Meta{URL: "https://example.com", Events: []string{"video.deleted"}, Active: true, CreatedAt: Epoch},
			Contact: Epoch, StopMark: 7, Cutoff: 5, Listed: m,
			Standing:  ledger.Standing{Last: ledger.Mark{Set: true, Time: 9, Key: ledger.KeyOf([]byte("x")), Code: 500}, Forgotten: 3},
			LastEvent: []ledger.TypeTime{{Type: 3, Time: 99}},
		})
		b.Latencies = append(b.Latencies, ledger.LatencyRow{Endpoint: id, Counts: ledger.LatencyCounts{Sum: 1.5}, Born: Epoch, Released: true})
		for code := range 6 {
			b.Counters = append(b.Counters, ledger.CounterRow{
				Endpoint: id, Key: ledger.CounterKey{Kind: ledger.CountDeliveries, Type: 5, Code: ledger.Code(200 + code)}, Value: uint64(code) << 40, Born: Epoch, Released: code%2 == 0,
				Exemplar: ledger.Exemplar{EventID: HexID(code), Created: 4, Observed: Epoch},
			})
		}
		for j := range m {
			r := ledger.EventRow{Endpoint: id, Slot: uint32(3 * j), Event: ledger.Event{
				Key: ledger.KeyOf([]byte(HexID(j))), Time: Epoch.Unix() + int64(j), FirstSeen: Epoch.Unix() + 5, FirstEmpty: int64(j % 2),
				LastAsk: 77, Type: 12, Code: 503, Stage: ledger.Delivered, Reason: ledger.ReasonDNS, Tries: 255, Flags: ledger.Timely | ledger.Heard,
			}}
			switch j % 4 {
			case 1:
				r.ID = fmt.Sprintf("odd id \xff %d", j)
				r.Event.Key = ledger.KeyOf([]byte(r.ID))
			case 2:
				r.Event.Flags |= ledger.Untrusted
				r.Relisted = Epoch.Unix()
			}
			b.Events = append(b.Events, r)
			if j < 12 {
				b.Failures = append(b.Failures, FailureOf(id, r))
			}
			b.Traces = append(b.Traces, TraceOf(id, r, j))
		}
	}
	return b
}

// TraceOf returns the trace of an event, with all kinds of video ids.
func TraceOf(endpoint string, r ledger.EventRow, n int) ledger.TraceRow {
	row := ledger.TraceRow{Endpoint: endpoint, Time: r.Event.Time, Key: r.Event.Key, Trace: ledger.Trace{Asked: uint32(n), Code: 503}}
	row.Odd = row.Trace.SetVideo([]ledger.Video{
		{ID: HexID(n), UUID: "a0dc8dbf-3126-4805-89a1-662a33331f93"}, {ID: "odd \xff id", UUID: "odd"}, {}, {UUID: "A0DC8DBF-3126-4805-89a1-662a33331f93"},
	}[n%4])
	if n%3 == 0 {
		row.Trace.Code, row.Trace.Reason, row.Trace.Healed = ledger.CodeNone, ledger.ReasonTLS, 99
	}
	return row
}

// FailureOf returns a failure with all fields set.
func FailureOf(endpoint string, r ledger.EventRow) ledger.FailureRow {
	id := r.ID
	if id == "" {
		id = r.Event.Key.PlainID()
	}
	return ledger.FailureRow{Endpoint: endpoint, Time: r.Event.Time, Key: r.Event.Key, Failure: &ledger.Failure{
		EventID: id, Type: "video.odd", Created: r.Event.Time, Untrusted: true, History: true, FirstSeen: 5, Asked: 7,
		Code: ledger.CodeNone, Reason: ledger.ReasonDNS, Healed: 9, Omitted: 2,
		Answers: []ledger.AnswerRecord{
			{At: 1, Last: 2, Times: 3, Stage: ledger.Pending},
			{At: 4, Last: 4, Times: 1, Stage: ledger.NoResponse, Reason: ledger.ReasonDNS, Message: "no such host", Body: "<b>\n"},
			{At: 9, Last: 9, Times: 1, Stage: ledger.Delivered, Code: 200, Status: "200 OK"},
		},
	}}
}

// Same reports whether two stores hold the same rows.
func Same(a, b *Double) bool {
	plain := func(s *Double) Double {
		return Double{Row: s.Row, Endpoints: s.Endpoints, Counters: nonEmpty(s.Counters), Latencies: s.Latencies, Events: nonEmpty(s.Events), Failures: nonEmpty(s.Failures), Traces: nonEmpty(s.Traces)}
	}
	x, y := plain(a), plain(b)
	return reflect.DeepEqual(&x, &y)
}

func nonEmpty[K comparable, V any](m map[string]map[K]V) map[string]map[K]V {
	out := make(map[string]map[K]V)
	for id, rows := range m {
		if len(rows) > 0 {
			out[id] = rows
		}
	}
	return out
}

// Held opens a store and returns all its rows.
func Held(t *testing.T, open func() state.Store) *ledger.Batch {
	t.Helper()
	s := open()
	var b ledger.Batch
	if err := errors.Join(s.Load(context.Background(), ledger.Gather(&b)), s.Close()); err != nil {
		t.Fatal(err)
	}
	return &b
}

// SameRows compares the rows of two batches, in any order.
func SameRows(t *testing.T, what string, got, want *ledger.Batch) {
	t.Helper()
	name := func(v any) string { return fmt.Sprintf("%+v", v) }
	sorted := cmp.Options{
		cmpopts.SortSlices(func(a, b ledger.EndpointRow) bool { return a.ID < b.ID }),
		cmpopts.SortSlices(func(a, b ledger.CounterRow) bool { return name(a) < name(b) }),
		cmpopts.SortSlices(func(a, b ledger.LatencyRow) bool { return a.Endpoint < b.Endpoint }),
		cmpopts.SortSlices(func(a, b ledger.EventRow) bool { return name(a) < name(b) }),
		cmpopts.SortSlices(func(a, b ledger.FailureRow) bool { return a.Endpoint+name(a.Key) < b.Endpoint+name(b.Key) }),
		cmpopts.SortSlices(func(a, b ledger.TraceRow) bool { return a.Endpoint+name(a.Key) < b.Endpoint+name(b.Key) }),
		cmp.AllowUnexported(ledger.Trace{}),
		cmpopts.IgnoreFields(ledger.Batch{}, "Fence", "Release", "Sync", "Limits", "Reset", "Dropped"),
		cmpopts.EquateEmpty(),
	}
	if diff := cmp.Diff(want, got, sorted); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// Commit commits a batch.
func Commit(t *testing.T, s state.Store, b *ledger.Batch) {
	t.Helper()
	if err := s.Commit(context.Background(), b); err != nil {
		t.Fatal(err)
	}
}
