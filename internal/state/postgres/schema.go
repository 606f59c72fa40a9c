package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"omegastream_exporter/internal/state"
)

// The layout of a state in PostgreSQL. A version whose additions older programs can ignore
// raises only madeLayout. If older programs would damage its state, it raises leastLayout
// too, and they stop at their next commit.
const (
	madeLayout  = 2 // the layout that this program creates
	leastLayout = 2 // the oldest layout whose programs can use the state
)

// tableStatements create the tables of layout 1 in schema %[1]s, as far as they are still
// used.
//
// Table state has one row, which every commit locks. That puts commits in one order, and
// their numbers tell followers what to read. Table record has the content of the file store's
// buckets, in the same encoding. A value of NULL is a deletion that others have yet to learn
// of.
var tableStatements = []string{
	`CREATE TABLE %[1]s.state (
		one     boolean PRIMARY KEY DEFAULT true CHECK (one),
		layout  integer NOT NULL,
		needs   integer NOT NULL,
		commit  bigint  NOT NULL DEFAULT 0,
		pruned  bigint  NOT NULL DEFAULT 0,
		era     bigint  NOT NULL DEFAULT 0,
		account bytea
	)`,
	`CREATE TABLE %[1]s.record (
		endpoint text     NOT NULL,
		kind     smallint NOT NULL,
		key      bytea    NOT NULL,
		value    bytea,
		commit   bigint   NOT NULL,
		at       timestamptz NOT NULL DEFAULT now(),
		PRIMARY KEY (endpoint, kind, key)
	)`,
	`CREATE INDEX record_commit ON %[1]s.record (commit)`,
	`CREATE INDEX record_deleted ON %[1]s.record (at) WHERE value IS NULL`,
	`INSERT INTO %[1]s.state (layout, needs) VALUES (1, 1)`,
}

// leaseStatements turn layout 1 into layout 2: the row of state has the account's lease, and
// which attempt at which batch the last commit was. history is new after each failover of the
// database; server is where it began. The tables lease, replica and turns of layout 1 stay,
// so that a program that still uses them notices that it must stop.
var leaseStatements = []string{
	`ALTER TABLE %[1]s.state
		ADD COLUMN history     text        NOT NULL DEFAULT '',
		ADD COLUMN server      text        NOT NULL DEFAULT '',
		ADD COLUMN fence       bigint      NOT NULL DEFAULT 0,
		ADD COLUMN holder      text,
		ADD COLUMN beat        timestamptz NOT NULL DEFAULT 'epoch',
		ADD COLUMN limits      bytea,
		ADD COLUMN limited     timestamptz NOT NULL DEFAULT 'epoch',
		ADD COLUMN author      text        NOT NULL DEFAULT '',
		ADD COLUMN attempt     bigint      NOT NULL DEFAULT 0,
		ADD COLUMN sync_asked  bigint      NOT NULL DEFAULT 0,
		ADD COLUMN sync_number bigint      NOT NULL DEFAULT 0,
		ADD COLUMN sync_by     text        NOT NULL DEFAULT '',
		ADD COLUMN sync_result text        NOT NULL DEFAULT '',
		ADD COLUMN sync_took   interval    NOT NULL DEFAULT '0',
		ADD COLUMN sync_rest   interval    NOT NULL DEFAULT '0',
		ADD COLUMN sync_ended  timestamptz NOT NULL DEFAULT 'epoch'`,
	`UPDATE %[1]s.state SET layout = 2, needs = 2, server = %[2]s, history = ` + newHistory,
}

// newHistory is an expression for a new history.
const newHistory = `md5(random()::text || clock_timestamp()::text)`

// migrateLock is the advisory lock for creating tables, which one program at a time does.
const migrateLock = 0x6f6d65676173 // "omegas"

// serverIdentity is an expression for the server of a connection, and the timeline of its
// history.
const serverIdentity = `CASE WHEN pg_is_in_recovery() THEN 'a standby' ELSE
	(SELECT system_identifier FROM pg_control_system())::text || ' ' || left(pg_walfile_name(pg_current_wal_lsn()), 8) END`

// in replaces the schema's name, and the expression for the server's identity, in a
// statement.
func (p *Store) in(statement string) string {
	return strings.NewReplacer("%[1]s", p.quoted, "%[2]s", p.identity).Replace(statement)
}

// identify finds an expression for the server's identity. Servers without one work
// nevertheless.
func (p *Store) identify(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*askLimit)
	defer cancel()
	p.identity = serverIdentity
	var here string
	err := p.pool.QueryRow(ctx, `SELECT `+serverIdentity).Scan(&here)
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && strings.HasPrefix(refused.Code, "42") {
		p.identity, err = `''`, nil
	}
	return err
}

// migrate creates the schema and its tables, or what is missing. One program at a time does
// so, completely or not at all.
func (p *Store) migrate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, migrateLimit)
	defer cancel()
	if layout, err := p.layout(ctx, p.pool); err != nil || layout >= madeLayout {
		return err
	}
	return pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(migrateLock)); err != nil {
			return err
		}
		layout, err := p.layout(ctx, tx)
		if err != nil || layout >= madeLayout { // another program was faster
			return err
		}
		var statements []string
		if layout == 0 {
			// CREATE SCHEMA IF NOT EXISTS requires a right that is not needed if the schema
			// exists.
			var schema bool
			if err := tx.QueryRow(ctx, `SELECT count(*) > 0 FROM pg_namespace WHERE nspname = $1`, p.schema).Scan(&schema); err != nil {
				return err
			}
			if !schema {
				statements = append(statements, `CREATE SCHEMA %[1]s`)
			}
			statements = append(statements, tableStatements...)
		}
		// In one round trip, as the server can be far away.
		_, err = tx.Exec(ctx, p.in(strings.Join(append(statements, leaseStatements...), ";\n")))
		return err
	})
}

type rowQuerier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// layout returns the layout of the tables; 0 if there are none. It refuses a layout of a
// newer program that this one would damage, and tables of another program.
func (p *Store) layout(ctx context.Context, q rowQuerier) (int, error) {
	var there, ours bool
	err := q.QueryRow(ctx, `SELECT count(*) > 0, count(*) FILTER (WHERE a.attname IN ('layout', 'needs', 'commit', 'account')) = 4
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE n.nspname = $1 AND c.relname = 'state'`, p.schema).Scan(&there, &ours)
	switch {
	case err != nil || !there:
		return 0, err
	case !ours:
		return 0, fmt.Errorf("%w: the schema has a table named state that another program made", state.ErrForeign)
	}
	var layout, needs int
	if err := q.QueryRow(ctx, p.in(`SELECT layout, needs FROM %[1]s.state`)).Scan(&layout, &needs); err != nil {
		return 0, err
	}
	return layout, checkNeeds(needs)
}

// checkNeeds refuses a layout of a newer program that this one would damage.
func checkNeeds(needs int) error {
	if needs > madeLayout {
		return fmt.Errorf("%w: layout %d, this version knows up to %d", state.ErrNewer, needs, madeLayout)
	}
	return nil
}
