package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
	"omegastream_exporter/internal/test/postgres"
)

// If a newer version changes the state so that older ones would damage it, the older ones
// stop: they write nothing, show their last values, and leave the lease to newer ones.
func TestNewerVersionTakesOver(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	policy := storetest.Policy()
	policy.Hold = 0
	old := replica(t, dsn, policy)
	led := storetest.Lead(t, old)
	storetest.MakeKnown(old, "ep")
	storetest.ReadOn(old, "ep", nil)
	storetest.ReadOn(old, "ep", []storetest.Item{{ID: storetest.HexID(1), Type: "video.deleted", Created: time.Now().Unix()}})
	if err := old.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	shown := storetest.ShownCounters(old.View(old.Now()))
	look := openPostgres(t, dsn, "replicas")
	t.Cleanup(func() { look.Close() })
	ask := func(query string, into any) {
		t.Helper()
		if err := look.pool.QueryRow(ctx, look.in(query)).Scan(into); err != nil {
			t.Fatal(err)
		}
	}
	execSQL(t, dsn, `UPDATE %[1]s.state SET layout = 99, needs = 99`)
	var before, after int64
	ask(`SELECT commit FROM %[1]s.state`, &before)
	storetest.ReadOn(old, "ep", []storetest.Item{{ID: storetest.HexID(2), Type: "video.deleted", Created: time.Now().Unix()}})
	storetest.Eventually(t, func() bool { return errors.Is(old.Failure(), state.ErrNewer) })
	if got := storetest.ShownCounters(old.View(old.Now())); fmt.Sprint(got) != fmt.Sprint(shown) {
		t.Errorf("it shows %v, but showed %v before", got, shown)
	}
	if led.Err() == nil || old.SurelyLeads() {
		t.Error("it still leads")
	}
	if ask(`SELECT commit FROM %[1]s.state`, &after); after != before {
		t.Errorf("%d commits after the state was changed", after-before)
	}
	if !errors.Is(old.Failure(), state.ErrNewer) {
		t.Errorf("it gave up its lease because of %v", old.Failure())
	}
}

// A follower stops when the state needs a newer version, whatever the newer rows look like.
func TestFollowerOfANewerVersion(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	follower := replica(t, dsn, noHolds())
	execSQL(t, dsn, `INSERT INTO %[1]s.record (endpoint, kind, key, value, commit) SELECT 'ep', 0, '', 'not as this version writes it', commit + 1 FROM %[1]s.state`)
	execSQL(t, dsn, `UPDATE %[1]s.state SET layout = 99, needs = 99, commit = commit + 1`)
	if led, err := follower.Lead(ctx); led != nil || !errors.Is(err, state.ErrNewer) {
		t.Errorf("it leads, or says %v", err)
	}
	storetest.Eventually(t, func() bool { return errors.Is(follower.Failure(), state.ErrNewer) })
}
