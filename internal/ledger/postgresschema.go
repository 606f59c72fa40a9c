package ledger

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// The layout of a state in PostgreSQL. A version that only adds what older programs
// may ignore raises pgLayout alone; one that they would damage raises pgNeeds too, and
// they stop writing at their next commit.
const (
	pgLayout = 1 // the layout that this program makes
	pgNeeds  = 1 // the oldest layout of a program that may work on it
)

// pgTables are the statements that make the tables of layout 1 in the schema %[1]s.
//
// state has one row, which every commit locks: commits are in one order, and their
// number tells who follows what to read. record has what the file store has in its
// buckets, in the same encoding; a value of NULL is one that was deleted and that
// others have yet to hear of.
var pgTables = []string{
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
	`CREATE TABLE %[1]s.replica (
		id          text PRIMARY KEY,
		alive_until timestamptz NOT NULL,
		beat        bigint NOT NULL DEFAULT 0,
		batch       bigint NOT NULL DEFAULT 0,
		commit      bigint NOT NULL DEFAULT 0,
		host        text NOT NULL
	)`,
	`CREATE TABLE %[1]s.lease (
		name   text PRIMARY KEY,
		holder text,
		fence  bigint NOT NULL DEFAULT 0,
		wanted boolean NOT NULL DEFAULT false,
		done   timestamptz,
		ok     boolean NOT NULL DEFAULT false
	)`,
	`INSERT INTO %[1]s.state (layout, needs) VALUES ($1, $2)`,
}

// pgLock is the advisory lock that one program at a time makes tables under.
const pgLock = 0x6f6d65676173 // "omegas"

// in puts the schema's name into a statement.
func (p *Postgres) in(statement string) string {
	return strings.ReplaceAll(statement, "%[1]s", p.quoted)
}

// migrate makes the schema and its tables where they are missing. One program at a
// time does so, and all of it or nothing.
func (p *Postgres) migrate(ctx context.Context) error {
	if made, err := p.made(ctx, p.pool); err != nil || made {
		return err
	}
	return pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, pgLock); err != nil {
			return err
		}
		// CREATE SCHEMA IF NOT EXISTS asks for a right that is not needed where it does.
		if made, err := p.made(ctx, tx); err != nil || made { // another program was faster
			return err
		}
		var schema bool
		err := tx.QueryRow(ctx, `SELECT count(*) > 0 FROM pg_namespace WHERE nspname = $1`, p.schema).Scan(&schema)
		if err != nil {
			return err
		}
		if !schema {
			if _, err := tx.Exec(ctx, p.in(`CREATE SCHEMA %[1]s`)); err != nil {
				return err
			}
		}
		for i, statement := range pgTables {
			var args []any
			if i == len(pgTables)-1 {
				args = []any{pgLayout, pgNeeds}
			}
			if _, err := tx.Exec(ctx, p.in(statement), args...); err != nil {
				return err
			}
		}
		return nil
	})
}

type rowQuerier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// made reports whether the tables are there. It refuses those that a newer program
// has made and this one would damage.
func (p *Postgres) made(ctx context.Context, q rowQuerier) (bool, error) {
	var there bool
	err := q.QueryRow(ctx, `SELECT count(*) > 0 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relname = 'state'`, p.schema).Scan(&there)
	if err != nil || !there {
		return false, err
	}
	var needs int
	err = q.QueryRow(ctx, p.in(`SELECT needs FROM %[1]s.state`)).Scan(&needs)
	return true, cmp.Or(err, checkNeeds(needs))
}

// checkNeeds refuses a layout that a newer program has made and this one would damage.
func checkNeeds(needs int) error {
	if needs > pgLayout {
		return fmt.Errorf("%w: layout %d, this version knows up to %d", ErrNewer, needs, pgLayout)
	}
	return nil
}
