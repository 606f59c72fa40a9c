package ledger_test

import (
	"errors"
	"testing"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state/storetest"
)

// Rows that contradict each other are unreadable, even if their checksums are right.
func TestContradictingRows(t *testing.T) {
	t.Parallel()
	event := func(change func(*ledger.EventRow)) func(*ledger.Batch) {
		return func(b *ledger.Batch) { change(&b.Events[1]) }
	}
	for _, row := range []struct {
		name string
		harm func(*ledger.Batch)
	}{
		{"no account", func(b *ledger.Batch) { b.Account = nil }},
		{"too many types", func(b *ledger.Batch) { b.Account.Types = make([]string, 21) }},
		{"no endpoint", func(b *ledger.Batch) { b.Endpoints = nil }},
		{"endpoint twice", func(b *ledger.Batch) { b.Endpoints = append(b.Endpoints, b.Endpoints[0]) }},
		{"unknown type of a last event", func(b *ledger.Batch) { b.Endpoints[0].LastEvent[0].Type = 13 }},
		{"unknown type of a counter", func(b *ledger.Batch) { b.Counters[0].Key.Type = 13 }},
		{"unknown kind", func(b *ledger.Batch) { b.Counters[0].Key.Kind = ledger.Kinds }},
		{"unknown reason", func(b *ledger.Batch) { b.Counters[0].Key.Reason = ledger.ReasonCount }},
		{"counter twice", func(b *ledger.Batch) { b.Counters[1].Key = b.Counters[0].Key }},
		{"latency of no endpoint", func(b *ledger.Batch) { b.Latencies[0].Endpoint = "x" }},
		{"unknown type of an event", event(func(r *ledger.EventRow) { r.Event.Type = 13 })},
		{"unknown stage", event(func(r *ledger.EventRow) { r.Event.Stage = ledger.States })},
		{"free slot", event(func(r *ledger.EventRow) { r.Event.Stage = ledger.Free })},
		{"hashed key without an id", event(func(r *ledger.EventRow) { r.ID = "" })},
		{"id of a key that is not hashed", func(b *ledger.Batch) { b.Events[0].ID = "x" }},
		{"key twice", func(b *ledger.Batch) { b.Events[1].Event.Key, b.Events[1].ID = b.Events[0].Event.Key, "" }},
		{"slot twice", event(func(r *ledger.EventRow) { r.Slot = 0 })},
		{"no such slot", event(func(r *ledger.EventRow) { r.Slot = ledger.MaxSlots })},
		{"nothing", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			b := storetest.EveryRow(1, 3)
			if row.harm != nil {
				row.harm(b)
			}
			_, err := loadRows(b)
			if (row.harm == nil) != (err == nil) || err != nil && !errors.Is(err, ledger.ErrUnreadable) {
				t.Error(err)
			}
		})
	}
}

// loadRows loads an account from rows.
func loadRows(b *ledger.Batch) (*ledger.Account, error) {
	return ledger.Load(b.Hand, storetest.URL, storetest.Policy(), false, storetest.Epoch)
}

func TestFailureThatCannotBe(t *testing.T) {
	t.Parallel()
	good := storetest.EveryRow(1, 4)
	for name, harm := range map[string]func(*ledger.FailureRow){
		"another id":        func(r *ledger.FailureRow) { r.Failure.EventID = "x" },
		"without an id":     func(r *ledger.FailureRow) { r.Failure.EventID = "" },
		"another time":      func(r *ledger.FailureRow) { r.Failure.Created++ },
		"a success":         func(r *ledger.FailureRow) { r.Failure.Code = 204 },
		"an unknown reason": func(r *ledger.FailureRow) { r.Failure.Reason = ledger.ReasonCount },
		"without replies":   func(r *ledger.FailureRow) { r.Failure.Answers = nil },
		"too many replies":  func(r *ledger.FailureRow) { r.Failure.Answers = make([]ledger.AnswerRecord, 11) },
		"an unknown stage":  func(r *ledger.FailureRow) { r.Failure.Answers[0].Stage = ledger.States },
		"no stage":          func(r *ledger.FailureRow) { r.Failure.Answers[0].Stage = ledger.Free },
		"a reply's reason":  func(r *ledger.FailureRow) { r.Failure.Answers[0].Reason = ledger.ReasonCount },
		"unknown endpoint":  func(r *ledger.FailureRow) { r.Endpoint = "nobody" },
		"right":             func(*ledger.FailureRow) {},
	} {
		row := storetest.FailureOf(good.Failures[1].Endpoint, good.Events[1])
		harm(&row)
		rows := &ledger.Batch{Account: good.Account, Endpoints: good.Endpoints, Failures: []ledger.FailureRow{row}}
		if _, err := loadRows(rows); errors.Is(err, ledger.ErrUnreadable) == (name == "right") {
			t.Errorf("%s: %v", name, err)
		}
		rows.Failures = append(rows.Failures, row)
		if _, err := loadRows(rows); !errors.Is(err, ledger.ErrUnreadable) {
			t.Errorf("%s, twice: %v", name, err)
		}
	}
}
