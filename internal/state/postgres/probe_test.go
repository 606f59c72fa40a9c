package postgres

import (
	"strings"
	"testing"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/test/postgres"
)

// A probe finds out from the rights of a role whether a start would work, and creates
// nothing.
func TestProbeOfRights(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		prepare func(t *testing.T, dsn string)
		want    string
	}{
		"an owner": {func(*testing.T, string) {}, ""},
		"a role without rights": {func(t *testing.T, dsn string) {
			t.Helper()
			execSQL(t, dsn, `CREATE SCHEMA %[1]s`)
			postgres.LeastRights(t, dsn, "replicas")
		}, "cannot create tables in the schema replicas"},
		"a role without the right to create the schema": {func(t *testing.T, dsn string) {
			t.Helper()
			execSQL(t, dsn, `CREATE SCHEMA elsewhere`)
			postgres.LeastRights(t, dsn, "elsewhere")
		}, "cannot create the schema replicas"},
		"a read-only server": {func(t *testing.T, dsn string) {
			t.Helper()
			asOwner(t, dsn, `ALTER DATABASE $db SET default_transaction_read_only = on`)
		}, "the server is read-only"},
		"a role with the least rights": {func(t *testing.T, dsn string) {
			t.Helper()
			made := openPostgres(t, dsn, "replicas")
			defer made.Close()
			if err := made.Load(t.Context(), ledger.Gather(new(ledger.Batch))); err != nil {
				t.Fatal(err)
			}
			postgres.LeastRights(t, dsn, "replicas")
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := postgres.NewDatabase(t)
			row.prepare(t, dsn)
			p := openPostgres(t, dsn, "replicas")
			defer p.Close()
			err := p.Probe(t.Context())
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
				t.Errorf("%v, want %q", err, row.want)
			}
			if name == "an owner" {
				var schemas int
				if err := p.pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_namespace WHERE nspname = 'replicas'`).Scan(&schemas); err != nil || schemas != 0 {
					t.Errorf("%v, %d schemas were created", err, schemas)
				}
			}
		})
	}
}
