package storetest

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
)

// Quiet is a Watcher that does nothing.
type Quiet struct{}

// Committed implements [state.Watcher].
func (Quiet) Committed(time.Duration) {}

// CommitFailed implements [state.Watcher].
func (Quiet) CommitFailed(error) {}

// LoadedAnew implements [state.Watcher].
func (Quiet) LoadedAnew(error) {}

// Waiting implements [state.Watcher].
func (Quiet) Waiting(error) {}

// Loads is a Watcher that counts how often the account was loaded again.
type Loads struct {
	Quiet
	atomic.Int64
}

// LoadedAnew implements [state.Watcher].
func (l *Loads) LoadedAnew(error) { l.Add(1) }

// Open opens a state, and closes it after the test.
func Open(t testing.TB, s state.Store, policy ledger.Policy, w state.Watcher) *state.State {
	t.Helper()
	b, _, err := state.Open(context.Background(), s, URL, policy, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = b.Close(ctx)
	})
	return b
}

// Lead makes a state lead, or fails the test.
func Lead(t *testing.T, b *state.State) context.Context {
	t.Helper()
	led, err := b.Lead(context.Background())
	if err != nil || led == nil {
		t.Fatalf("the state does not lead: %v", err)
	}
	return led
}

// GiveBack releases a lease when everything is durable.
func GiveBack(led context.Context, t *testing.T, b *state.State) {
	t.Helper()
	b.GiveBack(led, 0)
	if err := b.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	Eventually(t, func() bool { return led.Err() != nil })
}

// Refresh makes a state follow the commits of others.
func Refresh(t *testing.T, b *state.State) {
	t.Helper()
	if err := b.Await(context.Background(), time.Now()); err != nil {
		t.Fatal(err)
	}
}

// ReadOn makes a leading state read an endpoint's list. It reads an empty list twice, so that
// the ledger believes it.
func ReadOn(b *state.State, id string, items []Item) {
	if len(items) == 0 {
		readOnce(b, id, items)
	}
	readOnce(b, id, items)
}

func readOnce(b *state.State, id string, items []Item) {
	now := b.Now()
	b.Do(func(a *ledger.Account) {
		r := a.Begin(id, now, now, now)
		if r == nil { // the state has lost the lease
			return
		}
		for _, it := range items {
			if r.Note([]byte(it.ID), it.Type, it.Created) {
				a.Apply(r, now)
			}
		}
		a.Apply(r, now)
		a.End(r, true, now)
	})
}

// Answer makes a state fetch up to n details.
func Answer(b *state.State, n int, answer func() ledger.Answer) {
	for range n {
		b.Do(func(a *ledger.Account) {
			if task, ok := a.Take(b.Now(), func(ledger.Class) bool { return true }); ok {
				a.Answered(task, answer(), b.Now())
			}
		})
	}
}

// MakeKnown makes the account list exactly these endpoints.
func MakeKnown(b *state.State, ids ...string) {
	found := make([]ledger.Found, len(ids))
	for i, id := range ids {
		found[i].ID = id
	}
	b.Do(func(a *ledger.Account) { a.List(found, b.Now(), b.Now()) })
}

// Eventually waits until a condition holds.
func Eventually(t *testing.T, reached func() bool) {
	t.Helper()
	limit, tick := time.After(3*time.Minute), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !reached() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("the condition never holds")
		}
	}
}
