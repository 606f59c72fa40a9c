package file

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
)

var updateGolden = flag.String("update-golden-state", "",
	"write this golden state, such as testdata/ledger-3.db; only for a new layout, and keep the states of the old ones")

// goldenStates are the states in each layout so far, with their rows.
var goldenStates = map[string]func() *ledger.Batch{
	"testdata/ledger.db":   goldenRows,
	"testdata/ledger-2.db": goldenTraces,
}

// goldenTraces returns goldenRows with the additions of layout 2: traces, and how late events
// come.
func goldenTraces() *ledger.Batch {
	b := goldenRows()
	at := b.Account.Created
	b.Account.Started = at.Add(3 * time.Hour)
	e := &b.Endpoints[0]
	e.LastRead, e.ReadError, e.Late = at.Add(4*time.Hour), "timeout", 42
	e.Skipped = ledger.Skipped{Since: at.Add(5 * time.Hour), Mark: at.Unix() + 7}
	for n, r := range b.Events {
		if r.Event.Failing() {
			b.Traces = append(b.Traces, storetest.TraceOf(e.ID, r, n))
		}
	}
	return b
}

// goldenRows returns the rows of the state in layout 1: every kind of row, with every number
// that stands for a name.
func goldenRows() *ledger.Batch {
	at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	unix := at.Unix()
	admitted := []string{"video.odd", "live.started"}
	numbers := slices.Concat(ledger.DocumentedTypes(), []string{ledger.TypeUnknown, ledger.TypeOther}, admitted)
	typed := func(name string) ledger.TypeID { return ledger.TypeID(slices.Index(numbers, name)) }
	b := &ledger.Batch{Account: &ledger.AccountRow{
		APIURL: storetest.URL, CompanyID: "63c0ffee0000000000000001", Created: at, Resets: 1, FoldedTypes: 2, Era: 3,
		Types: admitted, LastListing: at.Add(time.Hour), LastSync: at.Add(2 * time.Hour),
	}}
	const busy, quiet = "63c0ffee00000000000000aa", "an odd id \xff"
	b.Endpoints = []ledger.EndpointRow{{
		ID: busy,
		Meta: &ledger.Meta{
			URL: "https://example.com", Description: "the first", Events: []string{"video.uploaded", "video.odd"}, Active: true,
			CreatedAt: at.Add(-time.Hour), UpdatedAt: at,
		},
		Contact: at, StopMark: unix + 1, Cutoff: unix - 1, LastSufficient: at.Add(time.Minute), LastFull: at.Add(time.Second),
		Listed: 40, Unordered: true, Missed: at.Add(time.Hour), Gone: at.Add(2 * time.Hour), Tracked: 40,
		Standing: ledger.Standing{
			Last: ledger.Mark{Set: true, Time: unix, Key: ledger.KeyOf([]byte("x")), Code: 500}, LastSuccess: ledger.Mark{Set: true, Time: unix - 9, Key: ledger.KeyOf([]byte(storetest.HexID(9))), Code: 200},
			LastFailure: ledger.Mark{Set: true, Time: unix, Key: ledger.KeyOf([]byte("x")), Code: ledger.CodeNone}, Forgotten: 3, ForgottenNewest: ledger.Mark{Set: true, Time: unix - 1, Key: ledger.KeyOf([]byte(storetest.HexID(8))), Code: 404},
		},
		LastEvent: []ledger.TypeTime{{Type: typed("video.uploaded"), Time: unix}, {Type: typed("live.started"), Time: unix + 9}},
	}, {ID: quiet}}
	b.Latencies = []ledger.LatencyRow{{Endpoint: busy, Counts: ledger.LatencyCounts{Buckets: [11]uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, Sum: 12.5}, Born: at, Released: true}}
	series := func(k ledger.CounterKey, value uint64, e ledger.Exemplar) {
		b.Counters = append(b.Counters, ledger.CounterRow{Endpoint: busy, Key: k, Value: value, Born: at.Add(time.Duration(value)), Released: value%2 == 0, Exemplar: e})
	}
	for i, name := range numbers {
		series(ledger.CounterKey{Kind: ledger.CountEvents, Type: typed(name)}, uint64(i), ledger.Exemplar{})
	}
	for i, code := range []ledger.Code{ledger.CodeNone, 100, 200, 301, 404, 503, 599} {
		series(ledger.CounterKey{Kind: ledger.CountDeliveries, Type: typed("video.process_failed"), Code: code}, uint64(i)<<50, ledger.Exemplar{EventID: "event " + fmt.Sprint(i), Created: unix, Observed: at})
	}
	for i, r := range []ledger.Reason{ledger.ReasonUnknown, ledger.ReasonTimeout, ledger.ReasonDNS, ledger.ReasonRefused, ledger.ReasonReset, ledger.ReasonTLS, ledger.ReasonNotRecorded} {
		series(ledger.CounterKey{Kind: ledger.CountNoResponse, Reason: r}, uint64(i), ledger.Exemplar{})
	}
	series(ledger.CounterKey{Kind: ledger.CountRecoveries, Type: typed("video.deleted")}, 5, ledger.Exemplar{})
	series(ledger.CounterKey{Kind: ledger.CountUnresolved, Type: typed("video.odd")}, 6, ledger.Exemplar{})
	series(ledger.CounterKey{Kind: ledger.CountGaps}, 7, ledger.Exemplar{})
	for i, e := range []ledger.Event{
		{Stage: ledger.Listed},
		{Stage: ledger.Listed, LastAsk: unix + 3, Tries: 255},
		{Stage: ledger.Pending, FirstEmpty: unix + 2, LastAsk: unix + 4, Tries: 7},
		{Stage: ledger.Delivered, Code: 200, LastAsk: unix + 5, Flags: ledger.Timely | ledger.Heard},
		{Stage: ledger.Delivered, Code: 503, LastAsk: unix + 5, Flags: ledger.Heard},
		{Stage: ledger.NoResponse, Code: ledger.CodeNone, Reason: ledger.ReasonDNS, LastAsk: unix + 5},
		{Stage: ledger.NoResponse, Code: ledger.CodeNone, Reason: ledger.ReasonNotRecorded, FirstEmpty: unix + 6, LastAsk: unix + 5, Flags: ledger.History},
		{Stage: ledger.Unresolved, LastAsk: unix + 5, Flags: ledger.Untrusted},
	} {
		for j := range 5 { // in several blocks, with free slots between them
			r := ledger.EventRow{Endpoint: busy, Slot: uint32(8*i + j), Event: e}
			id := storetest.HexID(1000 + 100*i + j)
			if j == 2 {
				id = fmt.Sprintf("odd id \xff %d", i)
				r.ID = id
			}
			r.Event.Key, r.Event.Time, r.Event.FirstSeen = ledger.KeyOf([]byte(id)), unix+int64(i), unix+int64(i*j)
			r.Event.Type = typed("video.process_failed")
			if e.Has(ledger.Untrusted) {
				r.Relisted = unix + int64(j)
			}
			b.Events = append(b.Events, r)
			if r.Event.Failing() {
				b.Failures = append(b.Failures, storetest.FailureOf(busy, r))
			}
		}
	}
	return b
}

// A state in each layout yields the expected rows. Writing them again gives the same records.
func TestGoldenState(t *testing.T) {
	t.Parallel()
	for golden, rows := range goldenStates {
		t.Run(filepath.Base(golden), func(t *testing.T) {
			t.Parallel()
			readsGolden(t, golden, rows())
		})
	}
}

func readsGolden(t *testing.T, golden string, rows *ledger.Batch) {
	t.Helper()
	if *updateGolden == golden {
		path, _ := written(t, rows)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := copyOfGolden(t, golden)
	var all ledger.Batch
	f := New(path)
	if err := f.Load(t.Context(), ledger.Gather(&all)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	got, want := storetest.NewDouble(), storetest.NewDouble()
	_, _ = got.Commit(t.Context(), &all), want.Commit(t.Context(), rows)
	if !storetest.Same(got, want) {
		t.Errorf("read\n%+v, want\n%+v", got, want)
	}

	again, _ := written(t, &all)
	was, is := records(t, path), records(t, again)
	for _, key := range slices.Sorted(maps.Keys(was)) {
		if is[key] != was[key] {
			t.Errorf("%q is written as\n%q, it was\n%q", key, is[key], was[key])
		}
	}
	if len(is) != len(was) || len(was) < 50 {
		t.Errorf("%d records, there were %d", len(is), len(was))
	}

	st, how, err := state.Open(context.Background(), New(path), storetest.URL, storetest.Policy(), storetest.Quiet{})
	if err != nil || how.SetAside != "" {
		t.Fatalf("%v, %+v", err, how)
	}
	if err := st.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// copyOfGolden returns the path of a copy of a golden state.
func copyOfGolden(t *testing.T, golden string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.db")
	content, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// States contain these numbers and limits.
func TestStoredNumbers(t *testing.T) {
	t.Parallel()
	bounds := []float64{1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600}
	if !reflect.DeepEqual(ledger.LatencyBounds(), bounds) {
		t.Errorf("bounds %v, want %v", ledger.LatencyBounds(), bounds)
	}
	if schemaVersion != 1 || schemaTraces != 2 {
		t.Errorf("schemas %d and %d", schemaVersion, schemaTraces)
	}
	for id, want := range map[string]string{
		"63c0ffee00000000000000aa": "63c0ffee00000000000000aa00000000",
		"63C0FFEE00000000000000AA": "ca81c62b34c57b56b589c7e6a056a301",
		"evt_01HX":                 "1ca5ba1c990b8709691a72af61033101",
	} {
		if got := fmt.Sprintf("%x", ledger.KeyOf([]byte(id))); got != want {
			t.Errorf("key of %q is %s, want %s", id, got, want)
		}
	}
}

// records returns every record of a state file, by bucket and key.
func records(t *testing.T, path string) map[string]string {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	all := make(map[string]string)
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(key, value []byte) error {
				all[string(name)+"/"+string(key)] = string(value)
				return nil
			})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
