package ledger

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/internal/test/postgres"
)

// A start with a wrong --api.url does not bind the state for good: that takes an
// endpoint.
func TestUnusedStateIsBoundToNoAPI(t *testing.T) {
	t.Parallel()
	stores := map[string]func(t *testing.T) func() Store{
		"file": func(t *testing.T) func() Store {
			path := filepath.Join(t.TempDir(), "ledger.db")
			return func() Store { return NewFile(path) }
		},
		"postgres": func(t *testing.T) func() Store {
			dsn := postgres.NewDatabase(t)
			return func() Store { return openPostgres(t, dsn, "unused") }
		},
	}
	for kind, stored := range stores {
		for name, pinned := range map[string][]string{"nothing in it": nil, "an endpoint that a flag names": {"ep"}} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				testUnusedState(t, stored(t), pinned)
			})
		}
	}
}

func testUnusedState(t *testing.T, store func() Store, pinned []string) {
	t.Helper()
	ctx := context.Background()
	policy := testPolicy()
	policy.Endpoints = pinned
	open := func(url string) (*Book, error) {
		b, how, err := Open(ctx, store(), url, policy, quiet{})
		if how.SetAside != "" {
			t.Errorf("%+v", how)
		}
		return b, err
	}
	for _, url := range []string{"https://typo.example", "https://other.example", testURL} {
		b, err := open(url)
		if err != nil {
			t.Fatal(err)
		}
		lead(t, b)
		b.Look(func(a *Account) {
			if got := len(a.endpoints); got != len(pinned) {
				t.Errorf("%d endpoints, want %d", got, len(pinned))
			}
		})
		if url == testURL {
			b.Do(func(a *Account) {
				a.List([]Found{{ID: "ep", Meta: Meta{Active: true}}}, time.Time{}, time.Now())
			})
		}
		if err := b.Close(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := open("https://typo.example"); !errors.Is(err, ErrOtherAccount) {
		t.Errorf("a used state is opened for another API: %v", err)
	}
	b, err := open(testURL)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(ctx); err != nil {
		t.Error(err)
	}
}

// A replica with a wrong --api.url that runs on an unused state leaves it to one with
// another, and does not take it back.
func TestUnusedStateChangesItsAPI(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	open := func(url string) *Book {
		b, _, err := Open(t.Context(), openPostgres(t, dsn, "replicas"), url, testPolicy(), quiet{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Close(context.Background()) })
		return b
	}
	for _, leads := range []bool{false, true} {
		typo := open("https://typo.example")
		if leads {
			lead(t, typo)
		}
		right := open(testURL)
		typo.lookAnew(time.Now())
		eventually(t, func() bool { return errors.Is(typo.Failure(), ErrOtherAccount) })
		if led, err := typo.Lead(t.Context()); led != nil || !errors.Is(err, ErrOtherAccount) {
			t.Errorf("it leads on: %v", err)
		}
		led := lead(t, right)
		giveBack(led, t, right)
		if err := right.Failure(); err != nil {
			t.Error(err)
		}
	}
}

// A close that cannot write says why, and what is lost.
func TestCloseSaysWhatIsLost(t *testing.T) {
	t.Parallel()
	store := newRowStore()
	b, _, err := Open(t.Context(), store, testURL, testPolicy(), quiet{})
	if err != nil {
		t.Fatal(err)
	}
	store.mu.Lock()
	store.fail = func() error { return errDisk }
	store.mu.Unlock()
	b.Do(func(a *Account) { a.Synced(time.Now()) })
	eventually(t, func() bool { return b.Failure() != nil })
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	err = b.Close(ended)
	if !errors.Is(err, errDisk) || !strings.Contains(err.Error(), "the next start asks for it again") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}
