package turns

import (
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"omegastream_exporter/internal/test/postgres"
)

// TestMain is also the program of the replica that a test stops.
func TestMain(m *testing.M) {
	if url := os.Getenv(replicaOf); url != "" {
		runReplica(url)
		return
	}
	goleak.VerifyTestMain(m)
}

const schema = "state"

// fresh returns the URL of a database that has the schema.
func fresh(t testing.TB) string {
	t.Helper()
	url := postgres.NewDatabase(t)
	do(t, url, "CREATE SCHEMA "+schema)
	return url
}

// do runs a statement beside the limiters.
func do(t testing.TB, url, sql string, args ...any) {
	t.Helper()
	conn := connect(t, url)
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// limiters returns n of them, as n processes have them.
func limiters(t testing.TB, url string, n int) []*Limiter {
	t.Helper()
	all := make([]*Limiter, n)
	for i := range all {
		l, err := New(url, schema)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.Close)
		all[i] = l
	}
	return all
}

// span is the time that a reservation takes from all others, by the database's
// clock.
type span struct{ from, to, asked time.Time }
