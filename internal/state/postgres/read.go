package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/codec"
)

// recordRow is a row of table record.
type recordRow struct {
	endpoint   string
	kind       int16
	key, value []byte // value is nil if it was deleted
}

// read delivers every row, as of one commit. known says whether to read what the lease needs
// too. It takes one round trip, as the server can be far away.
func (p *Store) read(ctx context.Context, rows ledger.Rows, known bool) error {
	var s stateRow
	ask := &pgx.Batch{}
	ask.Queue(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`)
	ask.Queue(p.in(`SELECT account FROM %[1]s.state`)).QueryRow(func(row pgx.Row) error {
		var account []byte
		if err := row.Scan(&account); err != nil || account == nil {
			return err
		}
		decoded, err := codec.DecodeAccount(account)
		if err != nil {
			return err
		}
		return rows.Account(decoded)
	})
	if known {
		ask.Queue(p.in(`SELECT `+stateColumns+` FROM %[1]s.state`), p.look()...).QueryRow(p.scan(&s))
	}
	reader := codec.Reader{Rows: rows}
	for kind := range codec.Kinds { // in the order of the index, as rows need it
		ask.Queue(p.in(`SELECT endpoint, kind, key, value FROM %[1]s.record WHERE kind = $1 AND value IS NOT NULL`), int16(kind)).Query(func(found pgx.Rows) error {
			var r recordRow
			_, err := pgx.ForEachRow(found, []any{&r.endpoint, &r.kind, &r.key, &r.value}, func() error { return r.deliver(&reader) })
			return err
		})
	}
	ask.Queue(`COMMIT`)
	if err := p.pool.SendBatch(ctx, ask).Close(); err != nil {
		return err
	}
	if known {
		p.at, p.era, p.history, p.here = s.lease.Commit, s.era, s.history, s.here
	}
	return nil
}

// deliver delivers the content of a record, or that it was deleted.
func (r *recordRow) deliver(to *codec.Reader) error {
	kind := codec.Kind(r.kind)
	key := codec.JoinKey(kind, r.endpoint, r.key)
	if r.value == nil {
		return to.Deleted(kind, key)
	}
	return to.Record(kind, key, r.value)
}

// newsStatement reads what was committed after commit $1. It is a single statement, so that
// everything is as of one commit.
const newsStatement = `SELECT commit, pruned, '', -1::smallint, ''::bytea, account FROM %[1]s.state WHERE commit > $1
	UNION ALL SELECT 0, 0, endpoint, kind, key, value FROM %[1]s.record WHERE commit > $1`

// news is what others have committed.
type news struct {
	batch          ledger.Batch
	commit, pruned int64 // of the state; 0 if there is nothing new
}

// read reads the rows of newsStatement.
func (n *news) read(found pgx.Rows) error {
	reader := codec.Reader{Rows: ledger.Gather(&n.batch), Free: true}
	var commit, pruned int64
	var r recordRow
	_, err := pgx.ForEachRow(found, []any{&commit, &pruned, &r.endpoint, &r.kind, &r.key, &r.value}, func() error {
		if r.kind >= 0 {
			return r.deliver(&reader)
		}
		account, err := codec.DecodeAccount(r.value)
		n.commit, n.pruned, n.batch.Account = commit, pruned, &account
		return err
	})
	return err
}

// Look implements [state.Looker].
func (p *Store) Look() state.Store { return looker{p} }

// looker is the store for an inspection: it creates no schema, and reads older layouts
// unchanged.
type looker struct{ *Store }

// Load implements [state.Store].
func (p looker) Load(ctx context.Context, rows ledger.Rows) error {
	layout, err := p.layout(ctx, p.pool)
	if err != nil || layout == 0 {
		return explain(err) // the first start creates it
	}
	return explain(p.read(ctx, rows, false))
}
