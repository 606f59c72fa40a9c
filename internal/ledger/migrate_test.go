package ledger

import (
	"context"
	_ "embed"
	"testing"

	"omegastream_exporter/internal/test/postgres"
)

// layoutOne makes a state of layout 1, as the version that had it has written it.
//
//go:embed testdata/layout1.sql
var layoutOne string

// A state of the layout before is changed at the first start, and keeps every row as it
// was: counters, births and releases among them.
func TestOlderLayoutIsMigrated(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	execSQL(t, dsn, `CREATE SCHEMA %[1]s`)
	execSQL(t, dsn, layoutOne)
	open := func() Store { return openPostgres(t, dsn, "replicas") }
	want := everyRow(2, 20)
	want.Traces = nil // which that version did not know
	sameRows(t, "a state of layout 1 after a start", held(t, open), want)

	p := loaded(t, dsn)
	var layout, needs, commit int
	if err := p.pool.QueryRow(context.Background(), p.in(`SELECT layout, needs, commit FROM %[1]s.state`)).Scan(&layout, &needs, &commit); err != nil {
		t.Fatal(err)
	}
	if layout != pgLayout || needs != pgNeeds || commit != 1 {
		t.Errorf("layout %d, needs %d, commit %d after the migration", layout, needs, commit)
	}
	b := replica(t, dsn, testPolicy())
	led := lead(t, b)
	b.Do(func(a *Account) { a.row.FoldedTypes, a.changedRow = 7, true })
	giveBack(led, t, b)
	if got := held(t, open); got.Account.FoldedTypes != 7 {
		t.Errorf("%+v after a commit", got.Account)
	}
}
