package state_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
)

// farStore is a shared store that loads slowly, and fails until its server is there.
type farStore struct {
	state.SharedStore
	try   time.Duration
	there time.Time
}

func (s farStore) Load(ctx context.Context, _ ledger.Rows) error {
	select {
	case <-time.After(s.try):
	case <-ctx.Done():
		return ctx.Err()
	}
	if time.Now().Before(s.there) {
		return fmt.Errorf("%w: timeout", state.ErrUnreachable)
	}
	return nil
}

func (farStore) Commit(context.Context, *ledger.Batch) error { return nil }
func (farStore) Close() error                                { return nil }
func (farStore) Follow(context.Context) (state.Lease, *ledger.Batch, error) {
	return state.Lease{}, nil, nil
}

func (farStore) CommitLed(context.Context, *ledger.Batch) (state.Lease, error) {
	return state.Lease{}, nil
}

// waits is a Watcher that records when a start says that it waits.
type waits struct {
	storetest.Quiet
	began time.Time
	said  []time.Duration
}

func (w *waits) Waiting(error) { w.said = append(w.said, time.Since(w.began)) }

// A start that waits for its server says so after 2 s and then every 10 s, however long a try
// takes.
func TestStartSaysThatItWaits(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for name, row := range map[string]struct {
		try, there time.Duration
		said       []time.Duration
	}{
		"at once":                 {0, 0, nil},
		"soon":                    {s, 0, nil},
		"one long try":            {25 * s, 0, []time.Duration{2 * s, 12 * s, 22 * s}},
		"tries of 10 s":           {10 * s, 15 * s, []time.Duration{2 * s, 12 * s}},
		"tries that fail at once": {0, 15 * s, []time.Duration{2 * s, 12 * s}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &waits{began: time.Now()}
				store := farStore{try: row.try, there: time.Now().Add(row.there)}
				st, _, err := state.Open(t.Context(), store, storetest.URL, storetest.Policy(), w)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				if !slices.Equal(w.said, row.said) {
					t.Errorf("it says that it waits after %v, want %v", w.said, row.said)
				}
				_ = st.Close(t.Context())
			})
		})
	}
}
