package postgres

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
	"omegastream_exporter/internal/test/postgres"
)

// Once the tables exist, the right to read and write them is enough for everything, including
// pruning.
func TestLeastRights(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	if err := loaded(t, dsn).Close(); err != nil {
		t.Fatal(err)
	}
	postgres.LeastRights(t, dsn, "replicas")
	storetest.Commit(t, loaded(t, dsn), &ledger.Batch{Dropped: []string{"gone"}})
	a, b := replica(t, dsn, storetest.Policy()), replica(t, dsn, storetest.Policy())
	led := storetest.Lead(t, a)
	storetest.MakeKnown(a, "ep")
	storetest.ReadOn(a, "ep", []storetest.Item{{ID: storetest.HexID(1), Type: "video.deleted", Created: time.Now().Unix()}})
	storetest.GiveBack(led, t, a)
	led = storetest.Lead(t, b)
	storetest.ReadOn(b, "ep", []storetest.Item{{ID: storetest.HexID(2), Type: "video.deleted", Created: time.Now().Unix()}})
	storetest.GiveBack(led, t, b)
	p := loaded(t, dsn)
	if _, _, err := p.Follow(ctx); err != nil || p.Size() == 0 {
		t.Errorf("size %d, %v", p.Size(), err)
	}
	if _, err := p.pool.Exec(ctx, p.in(`CREATE TABLE %[1]s.more ()`)); err == nil {
		t.Fatal("the role has too many rights for this test")
	}
	if _, err := state.Inspect(ctx, openPostgres(t, dsn, "replicas"), storetest.URL, storetest.Policy()); err != nil {
		t.Errorf("a look: %v", err)
	}
	if err := state.ResetCounters(ctx, openPostgres(t, dsn, "replicas"), storetest.URL, storetest.Policy(), time.Now()); err != nil {
		t.Errorf("reset: %v", err)
	}
}

// A role that cannot create the tables gets its error at once, without waiting for a server.
func TestStartWithoutRights(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	execSQL(t, dsn, `CREATE SCHEMA %[1]s`)
	postgres.LeastRights(t, dsn, "replicas")
	_, _, err := state.Open(context.Background(), openPostgres(t, dsn, "replicas"), storetest.URL, storetest.Policy(), storetest.Quiet{})
	if err == nil || errors.Is(err, state.ErrUnreachable) || !strings.Contains(err.Error(), "permission denied for schema replicas") {
		t.Error(err)
	}
}
