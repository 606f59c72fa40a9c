package storetest

import (
	"context"
	"testing"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
)

// Test is the suite for every store. keeps reports whether commits survive the next start.
// place chooses a new place, and returns a function that opens the store there, as often as
// it is called.
func Test(t *testing.T, keeps bool, place func(t *testing.T) (open func() state.Store)) {
	t.Helper()
	t.Run("keeps what was committed", func(t *testing.T) {
		t.Parallel()
		open := place(t)
		SameRows(t, "a new store", Held(t, open), &ledger.Batch{})
		s := open()
		if err := s.Load(context.Background(), ledger.Gather(new(ledger.Batch))); err != nil {
			t.Fatal(err)
		}
		b := EveryRow(3, 40)
		Commit(t, s, b)
		Commit(t, s, b) // like a repeated commit after a lost answer
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		want := EveryRow(3, 40)
		if !keeps {
			want = &ledger.Batch{}
		}
		SameRows(t, "after a start", Held(t, open), want)
	})

	t.Run("changes and forgets", func(t *testing.T) {
		t.Parallel()
		open := place(t)
		s := open()
		if err := s.Load(context.Background(), ledger.Gather(new(ledger.Batch))); err != nil {
			t.Fatal(err)
		}
		Commit(t, s, EveryRow(2, 40))
		account := *EveryRow(0, 0).Account
		change := &ledger.Batch{Account: &account, Dropped: []string{"endpoint-0"}}
		change.Account = &ledger.AccountRow{APIURL: URL, CompanyID: "other", Created: Epoch, Types: []string{"video.odd"}, LastListing: Epoch}
		rows := EveryRow(2, 40)
		for _, r := range rows.Events {
			if r.Endpoint == "endpoint-1" && r.Slot < 60 { // whole records of the file, and part of one
				r.Event, r.ID, r.Relisted = ledger.Event{}, "", 0
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
		Commit(t, s, change)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		want := &ledger.Batch{}
		if keeps {
			want.Account = change.Account
			want.Endpoints, want.Latencies, want.Counters = rows.Endpoints[1:], rows.Latencies[1:], rows.Counters[6:]
			want.Events, want.Failures = rows.Events[60:], rows.Failures[18:]
			want.Traces = rows.Traces[45:]
		}
		SameRows(t, "after changes", Held(t, open), want)
	})
}
