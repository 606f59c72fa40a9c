package ledger

import (
	"context"
	"errors"
	"testing"
	"time"
)

// Rows that contradict each other are unreadable, whatever their checksums say.
func TestContradictingRows(t *testing.T) {
	t.Parallel()
	event := func(change func(*EventRow)) func(*Batch) {
		return func(b *Batch) { change(&b.Events[1]) }
	}
	for _, row := range []struct {
		name string
		harm func(*Batch)
	}{
		{"no account", func(b *Batch) { b.Account = nil }},
		{"too many types", func(b *Batch) { b.Account.Types = make([]string, 21) }},
		{"no endpoint", func(b *Batch) { b.Endpoints = nil }},
		{"endpoint twice", func(b *Batch) { b.Endpoints = append(b.Endpoints, b.Endpoints[0]) }},
		{"unknown type of a last event", func(b *Batch) { b.Endpoints[0].LastEvent[0].Type = 13 }},
		{"unknown type of a counter", func(b *Batch) { b.Series[0].Key.Type = 13 }},
		{"unknown kind", func(b *Batch) { b.Series[0].Key.Kind = kinds }},
		{"unknown reason", func(b *Batch) { b.Series[0].Key.Reason = reasons }},
		{"counter twice", func(b *Batch) { b.Series[1].Key = b.Series[0].Key }},
		{"latency of no endpoint", func(b *Batch) { b.Latencies[0].Endpoint = "x" }},
		{"unknown type of an event", event(func(r *EventRow) { r.Event.Type = 13 })},
		{"unknown state", event(func(r *EventRow) { r.Event.State = states })},
		{"free slot", event(func(r *EventRow) { r.Event.State = Free })},
		{"hashed without its id", event(func(r *EventRow) { r.ID = "" })},
		{"id that needs none", func(b *Batch) { b.Events[0].ID = "x" }},
		{"key twice", func(b *Batch) { b.Events[1].Event.Key, b.Events[1].ID = b.Events[0].Event.Key, "" }},
		{"slot twice", event(func(r *EventRow) { r.Slot = 0 })},
		{"no such slot", event(func(r *EventRow) { r.Slot = MaxSlots })},
		{"nothing", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			b := everyRow(1, 3)
			if row.harm != nil {
				row.harm(b)
			}
			_, err := load(context.Background(), given{Store: NewMemory(), batch: b}, testURL, testPolicy(), epoch)
			if (row.harm == nil) != (err == nil) || err != nil && !errors.Is(err, ErrUnreadable) {
				t.Error(err)
			}
		})
	}
}

// given is a store that hands over a batch as it is.
type given struct {
	Store
	batch *Batch
}

func (g given) Load(_ context.Context, rows Rows) error {
	var errs []error
	if g.batch.Account != nil {
		errs = append(errs, rows.Account(*g.batch.Account))
	}
	for _, r := range g.batch.Endpoints {
		errs = append(errs, rows.Endpoint(r))
	}
	for _, r := range g.batch.Series {
		errs = append(errs, rows.Series(r))
	}
	for _, r := range g.batch.Latencies {
		errs = append(errs, rows.Latency(r))
	}
	for _, r := range g.batch.Events {
		errs = append(errs, rows.Event(r))
	}
	return errors.Join(errs...)
}

// What fails for a day takes no more room than what failed once.
func TestQueuesDoNotGrowWithTries(t *testing.T) {
	t.Parallel()
	a := account(t, "a")
	read(t, a, "a", epoch, true)
	read(t, a, "a", epoch, true, at(1, 0), at(2, 0))
	now := epoch
	for range 200 {
		for {
			task, ok := a.Take(now, all)
			if !ok {
				break
			}
			a.Unanswered(task, now)
		}
		now = now.Add(5 * time.Minute)
		a.Promote(now)
	}
	e := a.endpoints["a"]
	if n := len(e.oldestNew.rows) + len(e.work.later.rows) + len(e.work.ready[NewEvents].rows); n > 6 {
		t.Errorf("%d rows for two events", n)
	}
}
