package ledger

import (
	"context"
	"sync"
	"testing"
	"time"

	"omegastream_exporter/internal/test/postgres"
)

// lookout is a store that remembers when it was told that others want a lease.
type lookout struct {
	Shared
	mu     sync.Mutex
	wanted []time.Time
}

func (s *lookout) Follow(ctx context.Context) (*Batch, error) {
	b, err := s.Shared.Follow(ctx)
	if b != nil && len(b.Wanted) > 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.wanted = append(s.wanted, time.Now())
	}
	return b, err
}

func (s *lookout) times() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wanted
}

// A lease that others want and that cannot be given back yet is no reason to ask the
// database without a pause.
func TestWantedLeaseIsNoBusyWait(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	store := &lookout{Shared: openPostgres(t, dsn, "replicas")}
	a, _, err := Open(ctx, store, testURL, testPolicy(), quiet{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close(ctx)
	b := replica(t, dsn, testPolicy())
	claim(t, a, "ep") // and reads for a long time
	since := b.Now()
	eventually(t, func() bool {
		grant, err := b.Claim(ctx, Request{Names: []string{"ep"}, Most: 1, Since: since})
		if err != nil || len(grant.Granted) > 0 {
			t.Fatalf("granted %v, %v", grant.Granted, err)
		}
		return len(store.times()) >= 4
	})
	if times := store.times(); times[3].Sub(times[0]) < followEvery {
		t.Errorf("4 looks in %v", times[3].Sub(times[0]))
	}
}
