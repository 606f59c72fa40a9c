package postgres

import (
	"context"
	_ "embed"
	"testing"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
	"omegastream_exporter/internal/test/postgres"
)

// layoutOne creates a state in layout 1, as its version wrote it.
//
//go:embed testdata/layout1.sql
var layoutOne string

// The first start migrates a state in the previous layout, and keeps every row, including
// counters with their births and releases.
func TestOlderLayoutIsMigrated(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	execSQL(t, dsn, `CREATE SCHEMA %[1]s`)
	execSQL(t, dsn, layoutOne)
	open := func() state.Store { return openPostgres(t, dsn, "replicas") }
	want := storetest.EveryRow(2, 20)
	want.Traces = nil // unknown to that version
	storetest.SameRows(t, "a state of layout 1 after a start", storetest.Held(t, open), want)

	p := loaded(t, dsn)
	var layout, needs, commit int
	if err := p.pool.QueryRow(context.Background(), p.in(`SELECT layout, needs, commit FROM %[1]s.state`)).Scan(&layout, &needs, &commit); err != nil {
		t.Fatal(err)
	}
	if layout != madeLayout || needs != leastLayout || commit != 1 {
		t.Errorf("layout %d, needs %d, commit %d after the migration", layout, needs, commit)
	}
	b := replica(t, dsn, storetest.Policy())
	led := storetest.Lead(t, b)
	now := b.Now()
	b.Do(func(a *ledger.Account) { a.Synced(now) })
	storetest.GiveBack(led, t, b)
	if got := storetest.Held(t, open); !got.Account.LastSync.Equal(now) {
		t.Errorf("%+v after a commit", got.Account)
	}
}
