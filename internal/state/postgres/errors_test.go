package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
	"omegastream_exporter/internal/test/postgres"
)

// The server's error codes become errors that say what is wrong, and whether it can pass on
// its own.
func TestExplain(t *testing.T) {
	t.Parallel()
	for code, row := range map[string]struct {
		cause  error // nil for no specific error
		passes bool
	}{
		"25006": {state.ErrReadOnly, true},         // read_only_sql_transaction
		"53300": {state.ErrTooMany, true},          // too_many_connections
		"57014": {state.ErrStatementTimeout, true}, // query_canceled
		"42P07": {state.ErrForeign, false},         // duplicate_table
		"08006": {nil, true},                       // connection_failure
		"25P03": {nil, true},                       // idle_in_transaction_session_timeout
		"40001": {nil, true},                       // serialization_failure
		"53100": {nil, true},                       // disk_full
		"55P03": {nil, true},                       // lock_not_available
		"57P01": {nil, true},                       // admin_shutdown
		"57P03": {nil, true},                       // cannot_connect_now
		"28P01": {nil, false},                      // invalid_password
		"3D000": {nil, false},                      // invalid_catalog_name
		"42501": {nil, false},                      // insufficient_privilege
	} {
		for how, err := range map[string]error{
			"in a statement": &pgconn.PgError{Severity: "ERROR", Code: code, Message: "said so"},
			"in a wrapper":   fmt.Errorf("open: %w", &pgconn.PgError{Severity: "FATAL", Code: code, Message: "said so"}),
		} {
			got := explain(err)
			if errors.Is(got, state.ErrUnreachable) != row.passes || row.cause != nil && !errors.Is(got, row.cause) || !errors.Is(got, err) {
				t.Errorf("%s %s: %v", code, how, got)
			}
			for _, cause := range causes {
				if errors.Is(got, cause) && !errors.Is(row.cause, cause) {
					t.Errorf("%s %s becomes a wrong error: %v", code, how, got)
				}
			}
		}
	}
}

// The errors of a real server say what is wrong.
func TestServerThatRefuses(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		statements []string // run by the owner of the database
		want       error
	}{
		"a read-only server":                 {[]string{`ALTER DATABASE $db SET default_transaction_read_only = on`}, state.ErrReadOnly},
		"no connections left":                {[]string{`ALTER DATABASE $db CONNECTION LIMIT 0`}, state.ErrTooMany},
		"a table of another program, state":  {[]string{`CREATE SCHEMA replicas`, `CREATE TABLE replicas.state (name text)`}, state.ErrForeign},
		"a table of another program, record": {[]string{`CREATE SCHEMA replicas`, `CREATE TABLE replicas.record (song text)`}, state.ErrForeign},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := postgres.NewDatabase(t)
			asOwner(t, dsn, row.statements...)
			p := openPostgres(t, dsn, "replicas")
			defer p.Close()
			err := p.Load(t.Context(), ledger.Gather(new(ledger.Batch)))
			if !errors.Is(err, row.want) || !strings.Contains(err.Error(), row.want.Error()) {
				t.Errorf("%v, want %v", err, row.want)
			}
		})
	}
	t.Run("a statement timeout", func(t *testing.T) {
		t.Parallel()
		dsn := postgres.NewDatabase(t)
		p := loaded(t, dsn)
		conn := asOwner(t, dsn, `BEGIN`, `LOCK TABLE replicas.state`)
		asOwner(t, dsn, `ALTER DATABASE $db SET statement_timeout = '100ms'`)
		p.pool.Reset() // only new connections have the setting
		if _, err := p.CommitLed(t.Context(), new(ledger.Batch)); !errors.Is(err, state.ErrStatementTimeout) {
			t.Errorf("%v, want %v", err, state.ErrStatementTimeout)
		}
		if _, err := conn.Exec(t.Context(), `ROLLBACK`); err != nil {
			t.Error(err)
		}
	})
}

// asOwner runs statements on a new connection, which stays open. $db stands for the database.
func asOwner(t *testing.T, dsn string, statements ...string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), strings.ReplaceAll(s, "$db", conn.Config().Database)); err != nil {
			t.Fatal(err)
		}
	}
	return conn
}

// waits is a Watcher that reports when a start waits.
type waits struct {
	storetest.Quiet
	told chan error
}

func (w waits) Waiting(err error) {
	select {
	case w.told <- err:
	default:
	}
}

// A start waits for a free connection, and says so.
func TestStartWaitsForAConnection(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	owner := asOwner(t, dsn, `ALTER DATABASE $db CONNECTION LIMIT 0`)
	w := waits{told: make(chan error, 1)}
	opened := make(chan error)
	go func() {
		st, _, err := state.Open(context.Background(), openPostgres(t, dsn, "replicas"), storetest.URL, storetest.Policy(), w)
		if err == nil {
			err = st.Close(context.Background())
		}
		opened <- err
	}()
	for waiting := true; waiting; {
		select {
		case err := <-w.told: // at first it can report that a try takes long
			waiting = !errors.Is(err, state.ErrTooMany)
		case err := <-opened:
			t.Fatalf("the start does not wait: %v", err)
		}
	}
	if _, err := owner.Exec(t.Context(), `ALTER DATABASE `+owner.Config().Database+` CONNECTION LIMIT -1`); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Error(err)
	}
}
