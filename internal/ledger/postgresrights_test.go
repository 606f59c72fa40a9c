package ledger

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/internal/test/postgres"
)

// Once the tables are there, a role that may read and write them is enough for all
// that is done with a state, the pruning of it included.
func TestLeastRights(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	if err := loaded(t, dsn).Close(); err != nil {
		t.Fatal(err)
	}
	postgres.LeastRights(t, dsn, "replicas")
	a, b := replica(t, dsn, testPolicy()), replica(t, dsn, testPolicy())
	led := lead(t, a)
	makeKnown(a, "ep")
	readOn(a, "ep", []item{{hexID(1), "video.deleted", time.Now().Unix()}})
	a.Do(func(acc *Account) { acc.forget(acc.ensure("gone")) })
	giveBack(led, t, a)
	led = lead(t, b)
	readOn(b, "ep", []item{{hexID(2), "video.deleted", time.Now().Unix()}})
	giveBack(led, t, b)
	p := loaded(t, dsn)
	if _, _, err := p.Follow(ctx); err != nil || p.Size() == 0 {
		t.Errorf("size %d, %v", p.Size(), err)
	}
	if _, err := p.pool.Exec(ctx, p.in(`CREATE TABLE %[1]s.more ()`)); err == nil {
		t.Fatal("the role has more rights than it should in this test")
	}
	if _, err := Inspect(ctx, openPostgres(t, dsn, "replicas"), testURL, testPolicy()); err != nil {
		t.Errorf("a look: %v", err)
	}
	if err := ResetCounters(ctx, openPostgres(t, dsn, "replicas"), testURL, testPolicy(), time.Now()); err != nil {
		t.Errorf("reset: %v", err)
	}
}

// Who may not make the tables is told so at once, not after the wait for a server.
func TestStartWithoutRights(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	execSQL(t, dsn, `CREATE SCHEMA %[1]s`)
	postgres.LeastRights(t, dsn, "replicas")
	_, _, err := Open(context.Background(), openPostgres(t, dsn, "replicas"), testURL, testPolicy(), quiet{})
	if err == nil || errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "permission denied for schema replicas") {
		t.Error(err)
	}
}
