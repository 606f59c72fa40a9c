package state_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/file"
	"omegastream_exporter/internal/state/postgres"
	"omegastream_exporter/internal/state/storetest"
	server "omegastream_exporter/internal/test/postgres"
)

// A start with a wrong --api.url does not bind the state to it. Only an endpoint does.
func TestUnusedStateIsBoundToNoAPI(t *testing.T) {
	t.Parallel()
	stores := map[string]func(t *testing.T) func() state.Store{
		"file": func(t *testing.T) func() state.Store {
			path := filepath.Join(t.TempDir(), "ledger.db")
			return func() state.Store { return file.New(path) }
		},
		"postgres": func(t *testing.T) func() state.Store {
			dsn := server.NewDatabase(t)
			return func() state.Store { return openInDatabase(t, dsn, "unused") }
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

func openInDatabase(t *testing.T, dsn, schema string) state.Store {
	t.Helper()
	place, err := postgres.ParseURL(dsn, schema)
	if err != nil {
		t.Fatal(err)
	}
	p, err := place.Open()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func testUnusedState(t *testing.T, store func() state.Store, pinned []string) {
	t.Helper()
	ctx := context.Background()
	policy := storetest.Policy()
	policy.Endpoints = pinned
	open := func(url string) (*state.State, error) {
		b, how, err := state.Open(ctx, store(), url, policy, storetest.Quiet{})
		if how.SetAside != "" {
			t.Errorf("%+v", how)
		}
		return b, err
	}
	for _, url := range []string{"https://typo.example", "https://other.example", storetest.URL} {
		b, err := open(url)
		if err != nil {
			t.Fatal(err)
		}
		storetest.Lead(t, b)
		b.Look(func(a *ledger.Account) {
			if got := len(a.View(b.Now()).Endpoints); got != len(pinned) {
				t.Errorf("%d endpoints, want %d", got, len(pinned))
			}
		})
		if url == storetest.URL {
			b.Do(func(a *ledger.Account) {
				a.List([]ledger.Found{{ID: "ep", Meta: ledger.Meta{Active: true}}}, time.Time{}, time.Now())
			})
		}
		if err := b.Close(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := open("https://typo.example"); !errors.Is(err, ledger.ErrOtherAccount) {
		t.Errorf("a used state opens for another API: %v", err)
	}
	b, err := open(storetest.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(ctx); err != nil {
		t.Error(err)
	}
}

// While the state is unused, a replica with a wrong --api.url leaves it to one with another
// URL, and does not take it back.
func TestUnusedStateChangesItsAPI(t *testing.T) {
	t.Parallel()
	dsn := server.NewDatabase(t)
	open := func(url string) *state.State {
		b, _, err := state.Open(t.Context(), openInDatabase(t, dsn, "replicas"), url, storetest.Policy(), storetest.Quiet{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Close(context.Background()) })
		return b
	}
	for _, leads := range []bool{false, true} {
		typo := open("https://typo.example")
		if leads {
			storetest.Lead(t, typo)
		}
		right := open(storetest.URL)
		_ = typo.Await(t.Context(), time.Now())
		storetest.Eventually(t, func() bool { return errors.Is(typo.Failure(), ledger.ErrOtherAccount) })
		if led, err := typo.Lead(t.Context()); led != nil || !errors.Is(err, ledger.ErrOtherAccount) {
			t.Errorf("it still leads: %v", err)
		}
		led := storetest.Lead(t, right)
		storetest.GiveBack(led, t, right)
		if err := right.Failure(); err != nil {
			t.Error(err)
		}
	}
}

// A close that cannot write says why, and what is lost.
func TestCloseSaysWhatIsLost(t *testing.T) {
	t.Parallel()
	store := storetest.NewDouble()
	b, _, err := state.Open(t.Context(), store, storetest.URL, storetest.Policy(), storetest.Quiet{})
	if err != nil {
		t.Fatal(err)
	}
	store.Mu.Lock()
	store.Fail = func() error { return storetest.ErrDisk }
	store.Mu.Unlock()
	b.Do(func(a *ledger.Account) { a.Synced(time.Now()) })
	storetest.Eventually(t, func() bool { return b.Failure() != nil })
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	err = b.Close(ended)
	if !errors.Is(err, storetest.ErrDisk) || !strings.Contains(err.Error(), "the next start asks for it again") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}
