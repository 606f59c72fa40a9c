package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	pgRowsPerSecond = 5000 // that a commit takes in at the least
	pgPruneEvery    = 10 * time.Minute
	pgKeepGone      = time.Hour // how long the others have to hear of what was deleted
)

// Commit implements [Store]. Every attempt at a batch carries the batch's number: one
// whose answer was lost is found to have been made, and is not made again.
func (p *Postgres) Commit(ctx context.Context, b *Batch) error {
	if p.pending != b {
		p.pending = b
		p.batch++
	}
	limit := 2*askLimit + time.Duration(b.Rows()/pgRowsPerSecond)*time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var number int64
	err := pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) (err error) {
		if b.Rows() == 0 && !b.Reset {
			return p.tell(ctx, tx, b)
		}
		number, err = p.commit(ctx, tx, b)
		return err
	})
	if err != nil {
		return pgError(err)
	}
	if number > 0 {
		p.own, p.wrote = append(p.own, number), p.batch
	}
	p.prune(ctx)
	return nil
}

// pgHead is what a commit looks at under the lock of the state.
type pgHead struct {
	commit, era int64
	needs       int
	account     []byte
	batch       int64 // of this process, the last one that was committed
	batchCommit int64 // and its number
	beats       int64 // of this process
	held        int   // of the leases that the batch needs
	blocks      map[string][]byte
}

// commit writes a batch and returns the number of its commit.
func (p *Postgres) commit(ctx context.Context, tx pgx.Tx, b *Batch) (number int64, err error) {
	p.mu.Lock()
	beats := p.beat
	p.mu.Unlock()
	h, err := p.head(ctx, tx, b)
	if err != nil {
		return 0, err
	}
	if h.batch == p.batch { // made before, by an attempt whose answer was lost
		return h.batchCommit, nil
	}
	if h.batch < p.wrote || h.beats < beats || h.commit < p.known() {
		return 0, fmt.Errorf("%w: the state is an older one", ErrOvertaken)
	}
	if err := p.check(h, b); err != nil {
		return 0, err
	}
	account, err := h.merge(b)
	if err != nil {
		return 0, err
	}
	w := pgWriter{schema: p, commit: h.commit + 1, blocks: h.blocks}
	if err := w.rows(b); err != nil {
		return 0, err
	}
	out := &pgx.Batch{}
	w.queue(out, b)
	out.Queue(p.in(`UPDATE %[1]s.state SET commit = $1, account = $2, era = era + $3, pruned = CASE WHEN $4 THEN $1 ELSE pruned END`),
		w.commit, account, boolInt(b.Reset), len(b.Dropped) > 0)
	if b.Reset { // nobody goes on from what it had
		out.Queue(p.in(`UPDATE %[1]s.lease SET holder = NULL, fence = fence + 1`))
	}
	p.queueLeases(out, b)
	out.Queue(p.in(`UPDATE %[1]s.replica SET batch = $2, commit = $3 WHERE id = $1`), p.id, p.batch, w.commit)
	return w.commit, tx.SendBatch(ctx, out).Close()
}

// check returns why a batch cannot be committed on top of what there is.
func (p *Postgres) check(h *pgHead, b *Batch) error {
	switch {
	case checkNeeds(h.needs) != nil:
		return checkNeeds(h.needs)
	case p.server.changed.Load():
		return errOtherServer
	case h.held < len(b.Leases):
		return leasesLost(len(b.Leases) - h.held)
	case h.era != p.currentEra():
		return fmt.Errorf("%w: the counters were reset", ErrOvertaken)
	case b.Reset && h.commit != p.at+int64(len(p.own)):
		return fmt.Errorf("%w: while the counters were being reset", ErrOvertaken)
	}
	return nil
}

// known returns the number of the newest commit that is known here.
func (p *Postgres) known() int64 {
	newest := p.at
	for _, own := range p.own {
		newest = max(newest, own)
	}
	return newest
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (p *Postgres) currentEra() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.era
}

// head locks the state, and with it all other commits out, and reads what the commit
// depends on.
func (p *Postgres) head(ctx context.Context, tx pgx.Tx, b *Batch) (*pgHead, error) {
	h := &pgHead{blocks: make(map[string][]byte)}
	ask := &pgx.Batch{}
	ask.Queue(p.in(`SELECT commit, era, needs, account FROM %[1]s.state FOR UPDATE`)).QueryRow(func(row pgx.Row) error {
		return row.Scan(&h.commit, &h.era, &h.needs, &h.account)
	})
	// Not FOR UPDATE: the process beats while it commits.
	ask.Queue(p.in(`SELECT batch, commit, beat FROM %[1]s.replica WHERE id = $1`), p.id).QueryRow(func(row pgx.Row) error {
		err := row.Scan(&h.batch, &h.batchCommit, &h.beats)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("%w: the state does not know this replica", ErrOvertaken)
		}
		return err
	})
	p.queueHeld(ask, b, &h.held)
	if endpoints, keys := blocksOf(b.Events); len(keys) > 0 {
		ask.Queue(p.in(`SELECT r.endpoint, r.key, r.value FROM %[1]s.record r JOIN unnest($1::text[], $2::bytea[]) AS n (endpoint, key)
			ON n.endpoint = r.endpoint AND n.key = r.key WHERE r.kind = $3 AND r.value IS NOT NULL`), endpoints, keys, pgEvents).
			Query(func(rows pgx.Rows) error {
				var r pgRecord
				_, err := pgx.ForEachRow(rows, []any{&r.endpoint, &r.key, &r.value}, func() error {
					r.kind = pgEvents
					h.blocks[string(r.fullKey())] = bytes.Clone(r.value)
					return nil
				})
				return err
			})
	}
	return h, tx.SendBatch(ctx, ask).Close()
}

// merge returns the account's record with what the batch changes.
func (h *pgHead) merge(b *Batch) ([]byte, error) {
	if b.Account == nil {
		return h.account, nil
	}
	row := *b.Account
	if h.account != nil {
		if b.Base.APIURL == "" && !b.Reset {
			return nil, fmt.Errorf("%w: it was faster at making the state", ErrOvertaken)
		}
		theirs, err := decodeAccount(h.account)
		if err != nil {
			return nil, err
		}
		if row, err = mergeAccount(b.Base, row, theirs); err != nil {
			return nil, err
		}
	}
	payload, err := json.Marshal(row)
	if err != nil {
		return nil, err
	}
	return seal(bucketMeta, keyAccount, payload), nil
}

// prune forgets what was deleted long enough ago for everybody to know. Who was away
// for longer loads the state anew. Where it fails there is another time.
func (p *Postgres) prune(ctx context.Context) {
	if time.Since(p.pruned) < pgPruneEvery {
		return
	}
	p.pruned = time.Now()
	b := &pgx.Batch{} // one transaction, which takes the locks in the order of commits
	b.Queue(p.in(`SELECT FROM %[1]s.state FOR UPDATE`))
	b.Queue(p.in(`WITH gone AS (DELETE FROM %[1]s.record WHERE value IS NULL AND at < now() - $1::interval RETURNING commit)
		UPDATE %[1]s.state SET pruned = greatest(pruned, (SELECT max(commit) FROM gone)) WHERE EXISTS (SELECT 1 FROM gone)`), pgKeepGone)
	_ = p.pool.SendBatch(ctx, b).Close()
}
