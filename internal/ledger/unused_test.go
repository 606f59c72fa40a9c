package ledger

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A start with a wrong --api.url does not bind the state for good: that takes an
// endpoint.
func TestUnusedStateIsBoundToNoAPI(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for name, pinned := range map[string][]string{"nothing in it": nil, "an endpoint that a flag names": {"ep"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "ledger.db")
			policy := testPolicy()
			policy.Endpoints = pinned
			open := func(url string) (*Book, error) {
				b, how, err := Open(ctx, NewFile(path), url, policy, quiet{})
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
				if got := len(b.View(time.Now()).Endpoints); got != len(pinned) {
					t.Errorf("%d endpoints, want %d", got, len(pinned))
				}
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
		})
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
