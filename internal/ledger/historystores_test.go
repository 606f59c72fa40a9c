package ledger_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/file"
	"omegastream_exporter/internal/state/postgres"
	server "omegastream_exporter/internal/test/postgres"
)

// Random histories with a state file, which a restart opens again.
func TestHistoriesOverFiles(t *testing.T) {
	t.Parallel()
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		path := filepath.Join(dir, fmt.Sprint(n))
		history(rt, func() state.Store { return file.New(path) }, 25)
	})
}

// Random histories with a state in PostgreSQL, which a restart opens again.
func TestHistoriesOverPostgres(t *testing.T) {
	t.Parallel()
	dsn, n := server.NewDatabase(t), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		schema := fmt.Sprintf("s%d", n)
		history(rt, func() state.Store { return solo{openStore(t, dsn, schema)} }, 25)
	})
}

// solo hides from the ledger that its store can be shared.
type solo struct{ state.Store }

func openStore(t testing.TB, dsn, schema string) *postgres.Store {
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
