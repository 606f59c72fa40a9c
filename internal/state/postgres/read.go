package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/codec"
)

// snapshot is how what is read is read: all of it after the same commit.
var snapshot = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

// recordRow is a row of record.
type recordRow struct {
	endpoint   string
	kind       int16
	key, value []byte // value is nil where it was deleted
}

// read hands over every row, as after one commit. known says whether what the lease needs
// is read as well.
func (p *Store) read(ctx context.Context, rows ledger.Rows, known bool) error {
	return pgx.BeginTxFunc(ctx, p.pool, snapshot, func(tx pgx.Tx) error {
		var account []byte
		if err := tx.QueryRow(ctx, p.in(`SELECT account FROM %[1]s.state`)).Scan(&account); err != nil {
			return err
		}
		if known {
			var s stateRow
			if err := p.scan(&s)(tx.QueryRow(ctx, p.in(`SELECT `+stateColumns+` FROM %[1]s.state`), p.look()...)); err != nil {
				return err
			}
			p.at, p.era, p.history, p.here = s.lease.Commit, s.era, s.history, s.here
		}
		if account == nil {
			return nil
		}
		row, err := codec.DecodeAccount(account)
		if err != nil {
			return err
		}
		if err := rows.Account(row); err != nil {
			return err
		}
		reader := codec.Reader{Rows: rows}
		for kind := range codec.Kinds { // by its index, as rows want them
			found, err := tx.Query(ctx, p.in(`SELECT endpoint, kind, key, value FROM %[1]s.record WHERE kind = $1 AND value IS NOT NULL`), int16(kind))
			if err != nil {
				return err
			}
			var r recordRow
			_, err = pgx.ForEachRow(found, []any{&r.endpoint, &r.kind, &r.key, &r.value}, func() error { return r.hand(&reader) })
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// hand hands over what a record holds, or that it was deleted.
func (r *recordRow) hand(to *codec.Reader) error {
	kind := codec.Kind(r.kind)
	key := codec.JoinKey(kind, r.endpoint, r.key)
	if r.value == nil {
		return to.Deleted(kind, key)
	}
	return to.Record(kind, key, r.value)
}

// readSince reads what others have committed since the last time.
func (p *Store) readSince(ctx context.Context, b *ledger.Batch) error {
	var commit int64
	err := pgx.BeginTxFunc(ctx, p.pool, snapshot, func(tx pgx.Tx) error {
		var pruned int64
		var account []byte
		err := tx.QueryRow(ctx, p.in(`SELECT commit, pruned, account FROM %[1]s.state`)).Scan(&commit, &pruned, &account)
		if err != nil {
			return err
		}
		if pruned > p.at {
			return fmt.Errorf("%w: what was deleted since is not known any more", ledger.ErrOvertaken)
		}
		row, err := codec.DecodeAccount(account)
		if err != nil {
			return err
		}
		b.Account = &row
		found, err := tx.Query(ctx, p.in(`SELECT endpoint, kind, key, value FROM %[1]s.record WHERE commit > $1`), p.at)
		if err != nil {
			return err
		}
		reader := codec.Reader{Rows: ledger.Gather(b), Free: true}
		var r recordRow
		_, err = pgx.ForEachRow(found, []any{&r.endpoint, &r.kind, &r.key, &r.value}, func() error { return r.hand(&reader) })
		return err
	})
	// The connection may break after the last row: what is then not taken in is read again.
	if err == nil {
		p.at = commit
	}
	return err
}

// Look implements [state.Looker].
func (p *Store) Look() state.Store { return looker{p} }

// looker is the store for a look that changes nothing: it makes no schema, and works
// on older layouts as they are.
type looker struct{ *Store }

// Load implements [state.Store].
func (p looker) Load(ctx context.Context, rows ledger.Rows) error {
	layout, err := p.layout(ctx, p.pool)
	if err != nil || layout == 0 {
		return explain(err) // the first start makes it
	}
	return explain(p.read(ctx, rows, false))
}
