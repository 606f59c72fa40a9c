package ledger

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/internal/test/postgres"
)

// besieged is a shared store in which others ask for a lease all the time.
type besieged struct {
	memory
	follows atomic.Int64
}

const tooOften = 10000

func (s *besieged) Follow(ctx context.Context) (*Batch, error) {
	if s.follows.Add(1) > tooOften { // or the clock of the test would stand still
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &Batch{Wanted: map[string]uint64{"ep": 1, Listing: 1}}, nil
}

func (*besieged) Claim(_ context.Context, c Claim) (Claims, error) {
	var got Claims
	for _, name := range c.Names {
		got.Leases = append(got.Leases, Lease{name, 1})
	}
	return got, nil
}

func (*besieged) Beat(context.Context) (time.Time, error) { return time.Now(), nil }
func (*besieged) Renewed(context.Context) bool            { return false }

// What others ask for while it is being read is not to be had yet: to look for that is
// no reason to ask the database again and again.
func TestWantedLeasesCostNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := new(besieged)
		b, _, err := Open(t.Context(), s, testURL, testPolicy(), quiet{})
		if err != nil {
			t.Fatal(err)
		}
		claim(t, b, "ep", Listing)
		const seconds = 60
		time.Sleep(seconds * time.Second)
		if n, most := s.follows.Load(), int64(seconds*time.Second/followEvery)+10; n > most {
			t.Errorf("%d looks at the state in %d seconds, want at most %d", n, seconds, most)
		}
		if err := b.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A lease that was granted in an answer that never came is given back when another
// replica asks for it.
func TestLeaseWhoseAnswerWasLost(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	a, b := replica(t, dsn, testPolicy()), replica(t, dsn, testPolicy())
	names := []string{"ep", Listing}
	got, err := a.store.(*Postgres).Claim(ctx, Claim{Names: names, Most: 2})
	if err != nil || len(got.Leases) != 2 {
		t.Fatal(got, err)
	}
	granted := make(map[string]bool)
	eventually(t, func() bool {
		grant, err := b.Claim(ctx, Request{Names: names, Most: 2, Since: b.Now().Add(-time.Minute)})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range grant.Granted {
			granted[name] = true
		}
		return len(granted) == 2
	})
}
