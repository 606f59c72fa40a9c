package ledger

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"omegastream_exporter/internal/test/postgres"
)

// storeKind is one of the stores, for the tests that all of them pass.
type storeKind struct {
	name  string
	keeps bool // what was committed is there at the next start
	// place returns a new place and how to open the store there, again and again.
	place func(t *testing.T) (open func() Store)
}

func storeKinds() []storeKind {
	return []storeKind{
		{"memory", false, func(*testing.T) func() Store { return NewMemory }},
		{"double", true, func(*testing.T) func() Store {
			s := newRowStore()
			return func() Store { return s }
		}},
		{"file", true, func(t *testing.T) func() Store {
			path := filepath.Join(t.TempDir(), "ledger.db")
			return func() Store { return NewFile(path) }
		}},
		{"postgres", true, func(t *testing.T) func() Store {
			dsn := postgres.NewDatabase(t)
			return func() Store { return openPostgres(t, dsn, "omegastream_exporter") }
		}},
	}
}

func openPostgres(t testing.TB, dsn, schema string) *Postgres {
	t.Helper()
	p, err := NewPostgres(dsn, schema)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// eachStore runs a test for every kind of store.
func eachStore(t *testing.T, test func(t *testing.T, kind storeKind, open func() Store)) {
	for _, kind := range storeKinds() {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			test(t, kind, kind.place(t))
		})
	}
}

// held returns all rows of a store that is opened for it.
func held(t *testing.T, open func() Store) *Batch {
	t.Helper()
	s := open()
	var b Batch
	if err := errors.Join(s.Load(context.Background(), Gather(&b)), s.Close()); err != nil {
		t.Fatal(err)
	}
	return &b
}

// sameRows compares what two batches hold, in any order.
func sameRows(t *testing.T, what string, got, want *Batch) {
	t.Helper()
	name := func(v any) string { return fmt.Sprintf("%+v", v) }
	sorted := cmp.Options{
		cmpopts.SortSlices(func(a, b EndpointRow) bool { return a.ID < b.ID }),
		cmpopts.SortSlices(func(a, b SeriesRow) bool { return name(a) < name(b) }),
		cmpopts.SortSlices(func(a, b LatencyRow) bool { return a.Endpoint < b.Endpoint }),
		cmpopts.SortSlices(func(a, b EventRow) bool { return name(a) < name(b) }),
		cmpopts.SortSlices(func(a, b FailureRow) bool { return a.Endpoint+name(a.Key) < b.Endpoint+name(b.Key) }),
		cmpopts.SortSlices(func(a, b TraceRow) bool { return a.Endpoint+name(a.Key) < b.Endpoint+name(b.Key) }),
		cmp.AllowUnexported(Trace{}),
		cmpopts.IgnoreFields(Batch{}, "Fence", "Release", "Sync", "Limits", "Reset", "Dropped"),
		cmpopts.EquateEmpty(),
	}
	if diff := cmp.Diff(want, got, sorted); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func commit(t *testing.T, s Store, b *Batch) {
	t.Helper()
	if err := s.Commit(context.Background(), b); err != nil {
		t.Fatal(err)
	}
}

func TestStoresKeepWhatWasCommitted(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, kind storeKind, open func() Store) {
		sameRows(t, "a new store", held(t, open), &Batch{})
		s := open()
		if err := s.Load(context.Background(), Gather(new(Batch))); err != nil {
			t.Fatal(err)
		}
		b := everyRow(3, 40)
		commit(t, s, b)
		commit(t, s, b) // as after an answer that was lost
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		want := everyRow(3, 40)
		if !kind.keeps {
			want = &Batch{}
		}
		sameRows(t, "after a start", held(t, open), want)
	})
}

func TestStoresChangeAndForget(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, kind storeKind, open func() Store) {
		if !kind.keeps {
			t.Log("it keeps nothing that could be changed")
		}
		s := open()
		if err := s.Load(context.Background(), Gather(new(Batch))); err != nil {
			t.Fatal(err)
		}
		commit(t, s, everyRow(2, 40))
		account := *everyRow(0, 0).Account
		change := &Batch{Account: &account, Dropped: []string{"endpoint-0"}}
		change.Account = &AccountRow{APIURL: testURL, CompanyID: "other", Created: epoch, Types: []string{"video.odd"}, LastListing: epoch}
		rows := everyRow(2, 40)
		for _, r := range rows.Events {
			if r.Endpoint == "endpoint-1" && r.Slot < 60 { // whole records of the file, and a part of one
				r.Event, r.ID, r.Relisted = Event{}, "", 0
				change.Events = append(change.Events, r)
			}
		}
		for _, r := range rows.Failures[12:18] {
			r.Failure = nil
			change.Failures = append(change.Failures, r)
		}
		for _, r := range rows.Traces[40:45] {
			r.Gone = true
			change.Traces = append(change.Traces, r)
		}
		commit(t, s, change)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		want := &Batch{}
		if kind.keeps {
			want.Account = change.Account
			want.Endpoints, want.Latencies, want.Series = rows.Endpoints[1:], rows.Latencies[1:], rows.Series[6:]
			want.Events, want.Failures = rows.Events[60:], rows.Failures[18:]
			want.Traces = rows.Traces[45:]
		}
		sameRows(t, "after changes", held(t, open), want)
	})
}

// The promises over random histories with a state in PostgreSQL, which a restart
// opens anew.
func TestHistoriesOverPostgres(t *testing.T) {
	t.Parallel()
	dsn, n := postgres.NewDatabase(t), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		schema := fmt.Sprintf("s%d", n)
		history(rt, func() Store { return solo{openPostgres(t, dsn, schema)} }, 25)
	})
}

// solo hides from the ledger that a store can be shared.
type solo struct{ Store }

func diffViews(t *testing.T, what string, got, want *View) {
	t.Helper()
	all := cmp.Options{
		cmp.Exporter(func(reflect.Type) bool { return true }),
		cmpopts.EquateEmpty(),
		cmpopts.SortSlices(func(a, b TypeCount) bool { return a.Type < b.Type }),
		cmpopts.SortSlices(func(a, b WindowCount) bool { return fmt.Sprint(a.Type, a.Code) < fmt.Sprint(b.Type, b.Code) }),
	}
	if diff := cmp.Diff(want, got, all); diff != "" {
		t.Errorf("%s shows something else (-want +got):\n%s", what, diff)
	}
}
