package postgres

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/codec"
)

const (
	rowsPerSecond = 5000 // minimum speed of a commit
	pruneEvery    = 10 * time.Minute
	keepGone      = time.Hour // how long others have to learn of deletions
)

// Commit implements [state.Store].
func (p *Store) Commit(ctx context.Context, b *ledger.Batch) error {
	if b.Empty() {
		return nil
	}
	_, err := p.CommitLed(ctx, b)
	return err
}

// transactionLimits are set in each transaction, where a pooler cannot drop them: a process
// that is stopped during a transaction must not block the others, and acknowledged commits
// must be durable.
const transactionLimits = `SELECT set_config('idle_in_transaction_session_timeout', '3s', true), set_config('synchronous_commit', 'on', true)`

// commit writes a batch in two round trips.
func (p *Store) commit(ctx context.Context, b *ledger.Batch) (lease state.Lease, err error) {
	conn, err := p.pool.Acquire(ctx)
	if err != nil {
		return state.Lease{}, err
	}
	defer conn.Release() // it closes the connection within a transaction
	s, blocks, err := p.head(ctx, conn, b)
	if err == nil && s.author == p.id && s.attempt == p.attempt {
		p.at = s.lease.Commit // made by an earlier attempt whose answer was lost
		_, err = conn.Exec(ctx, `ROLLBACK`)
		return s.lease, err
	}
	if err == nil {
		err = p.owns(s, b)
	}
	if err != nil {
		_, _ = conn.Exec(ctx, `ROLLBACK`)
		return state.Lease{}, err
	}
	w := writer{schema: p, commit: s.lease.Commit + 1, blocks: blocks}
	if err := codec.Write(b, &w); err != nil {
		return state.Lease{}, err
	}
	account := s.account
	if b.Account != nil {
		if account, err = codec.EncodeAccount(b.Account); err != nil {
			return state.Lease{}, err
		}
	}
	out := &pgx.Batch{}
	w.queue(out, b)
	p.prune(out)
	args := append(p.look(), p.sign(b, s.lease.Fence)...)
	args = append(args, w.commit, account, boolInt(b.Reset), len(b.Dropped) > 0, boolInt(b.Fence == 0))
	out.Queue(p.in(`UPDATE %[1]s.state SET `+signColumns+`, commit = $12::bigint, account = $13, era = era + $14::bigint,
		pruned = CASE WHEN $15::boolean THEN $12::bigint ELSE pruned END, fence = fence + $16::bigint WHERE fence = $4 RETURNING `+stateColumns), args...).QueryRow(p.scan(s))
	out.Queue(`COMMIT`)
	if err := conn.SendBatch(ctx, out).Close(); err != nil {
		return state.Lease{}, err
	}
	p.at = w.commit
	return s.lease, nil
}

// owns returns why a batch cannot be committed on the present state. A batch without a lease
// ends the lease of another process, which must load the state again.
func (p *Store) owns(s *stateRow, b *ledger.Batch) error {
	switch {
	case b.Fence == 0 && s.lease.Commit != p.at:
		return fmt.Errorf("%w: it was faster", ledger.ErrOvertaken)
	case b.Fence != 0 && s.lease.Fence == b.Fence && s.holder == p.id && s.lease.Commit > p.at:
		return fmt.Errorf("%w: the state has a commit that is not known here", ledger.ErrOvertaken)
	case b.Fence != 0 && (s.lease.Fence != b.Fence || s.holder != p.id):
		return p.lost(s)
	}
	return p.check(s)
}

// head starts the transaction. It locks the state, which blocks all other commits, and reads
// what the commit depends on.
func (p *Store) head(ctx context.Context, conn *pgxpool.Conn, b *ledger.Batch) (*stateRow, map[string][]byte, error) {
	s, blocks := new(stateRow), make(map[string][]byte)
	ask := &pgx.Batch{}
	ask.Queue(`BEGIN`)
	ask.Queue(transactionLimits)
	ask.Queue(p.in(`SELECT `+stateColumns+` FROM %[1]s.state FOR UPDATE`), p.look()...).QueryRow(p.scan(s))
	if endpoints, keys := blocksOf(b.Events); len(keys) > 0 {
		ask.Queue(p.in(`SELECT r.endpoint, r.key, r.value FROM %[1]s.record r JOIN unnest($1::text[], $2::bytea[]) AS n (endpoint, key)
			ON n.endpoint = r.endpoint AND n.key = r.key WHERE r.kind = $3 AND r.value IS NOT NULL`), endpoints, keys, int16(codec.Events)).
			Query(func(rows pgx.Rows) error {
				var r recordRow
				_, err := pgx.ForEachRow(rows, []any{&r.endpoint, &r.key, &r.value}, func() error {
					blocks[string(codec.JoinKey(codec.Events, r.endpoint, r.key))] = bytes.Clone(r.value)
					return nil
				})
				return err
			})
	}
	return s, blocks, conn.SendBatch(ctx, ask).Close()
}

func boolInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// prune now and then removes deletions that everyone has had time to learn of. A process that
// was away for longer loads the state again.
func (p *Store) prune(out *pgx.Batch) {
	if time.Since(p.pruned) < pruneEvery {
		return
	}
	p.pruned = time.Now()
	out.Queue(p.in(`WITH gone AS (DELETE FROM %[1]s.record WHERE value IS NULL AND at < now() - $1::interval RETURNING commit)
		UPDATE %[1]s.state SET pruned = greatest(pruned, (SELECT max(commit) FROM gone)) WHERE EXISTS (SELECT 1 FROM gone)`), keepGone)
}
