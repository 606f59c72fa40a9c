package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
)

// stateRow is the row of table state, which orders all commits and contains the account's
// lease.
type stateRow struct {
	lease             state.Lease
	era, pruned       int64
	needs             int
	history           string
	server, here      string // of the last leader, and of this connection
	author            string // of the last batch or heartbeat,
	attempt           int64  // and its number there
	account           []byte
	size              int64 // 0 if not requested
	holder, syncMaker string
}

// stateColumns are the columns for scan. $1 says whether the size is requested.
const stateColumns = `commit, era, pruned, needs, history, server, %[2]s, fence, coalesce(holder, ''), beat, limits, limited, author, attempt,
	sync_asked, sync_number, sync_by, sync_result, sync_took, sync_rest, sync_ended, clock_timestamp(), account,
	CASE WHEN $1::boolean THEN (SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $2::text AND c.relkind = 'r') ELSE 0 END`

func (p *Store) scan(s *stateRow) func(pgx.Row) error {
	return func(row pgx.Row) error {
		l := &s.lease
		var fence, asked, number int64
		err := row.Scan(&l.Commit, &s.era, &s.pruned, &s.needs, &s.history, &s.server, &s.here, &fence, &s.holder, &l.Heartbeat, &l.Limits, &l.Limited,
			&s.author, &s.attempt, &asked, &number, &s.syncMaker, &l.Sync.Result, &l.Sync.Took, &l.Sync.Rest, &l.Sync.Ended, &l.Now,
			&s.account, &s.size)
		l.Fence, l.Asked, l.Sync.Number = uint64(fence), uint64(asked), uint64(number)
		l.Held, l.Ours, l.Sync.Ours = s.holder != "", s.holder == p.id, s.syncMaker == p.id
		if s.size > 0 {
			p.size.Store(s.size)
			p.sized = time.Now()
		}
		return err
	}
}

// look returns the arguments of stateColumns.
func (p *Store) look() []any { return []any{time.Since(p.sized) >= sizeEvery, p.schema} }

// check returns why what this process knows of the state is no longer valid.
func (p *Store) check(s *stateRow) error {
	switch {
	case s.needs > madeLayout:
		return checkNeeds(s.needs)
	case s.here != p.here:
		return fmt.Errorf("%w: the database is on another server, or another timeline of it", ledger.ErrOvertaken)
	case s.history != p.history:
		return fmt.Errorf("%w: the database has failed over", ledger.ErrOvertaken)
	case s.era != p.era:
		return fmt.Errorf("%w: the counters were reset", ledger.ErrOvertaken)
	case s.lease.Commit < p.at:
		p.renew = true
		return fmt.Errorf("%w: its last commit is number %d, a later one was seen before", ledger.ErrOvertaken, s.lease.Commit)
	}
	return nil
}

// Lead implements [state.SharedStore]. After a failover of the database it starts a new
// history: the server can lack commits that the previous one acknowledged, however high its
// numbers are by now.
func (p *Store) Lead(ctx context.Context, b state.Bid) (state.Lease, *ledger.Batch, error) {
	const resting = `(sync_ended > clock_timestamp() - sync_rest AND sync_ended <> $2)`
	a, err := p.ask(ctx, func(bid *pgx.Batch) {
		bid.Queue(p.in(`UPDATE %[1]s.state SET holder = $1, fence = fence + 1, beat = clock_timestamp(), server = %[2]s,
			history = CASE WHEN server = %[2]s AND NOT $8::boolean THEN history ELSE `+newHistory+` END
			WHERE (holder IS NULL OR holder = $1 OR beat <= clock_timestamp() - $3::interval OR beat = $4)
			AND ($5::boolean OR NOT `+resting+`)
			AND NOT ($6::boolean AND sync_by NOT IN ('', $1) AND sync_result <> 'error' AND sync_ended > clock_timestamp() - $7::interval)`),
			p.id, b.Rested, state.LeaseFor, b.Silent, b.Work, b.Unfit, state.FitFor, p.renew)
		bid.Queue(p.in(`UPDATE %[1]s.state SET sync_asked = sync_number + 1
			WHERE NOT $3::boolean AND holder <> $1::text AND sync_asked <= sync_number AND NOT `+resting), p.id, b.Rested, b.Work)
	})
	if err == nil && a.state.lease.Ours {
		p.renew = false
	}
	if a.late && ctx.Err() == nil {
		p.unlock(ctx)
	}
	return p.since(a, err)
}

// unlock ends transactions on the state for which the server waits for the rest of a
// statement. A replica that disappears while sending one leaves such a transaction behind. No
// timeout of the server ends it, and its lock blocks all other replicas.
func (p *Store) unlock(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, unlockLimit)
	defer cancel()
	// The bid meets the same error, and reports it.
	_, _ = p.pool.Exec(ctx, `SELECT pg_terminate_backend(a.pid) FROM pg_locks l
		JOIN pg_stat_activity a ON a.pid = l.pid
		JOIN pg_database d ON d.oid = l.database
		JOIN pg_class c ON c.oid = l.relation
		JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE d.datname = current_database() AND n.nspname = $1 AND c.relname = 'state' AND l.granted
			AND a.usename = current_user AND a.wait_event = 'ClientRead'
			AND greatest(a.query_start, a.state_change) < clock_timestamp() - $2::interval`, p.schema, unlockAfter)
}

// CommitLed implements [state.SharedStore]. All attempts at a batch have the batch's number,
// so that an attempt whose answer was lost is found, and not repeated.
func (p *Store) CommitLed(ctx context.Context, b *ledger.Batch) (state.Lease, error) {
	if p.pending != b {
		p.pending = b
		p.attempt++
	}
	limit := askLimit + time.Duration(b.Rows()/rowsPerSecond)*time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if b.Rows() > 0 || b.Reset {
		lease, err := p.commit(ctx, b)
		return lease, explain(err)
	}
	var s stateRow
	err := p.scan(&s)(p.pool.QueryRow(ctx, p.in(`UPDATE %[1]s.state SET `+signColumns+` WHERE holder = $3 AND fence = $4 RETURNING `+stateColumns),
		append(p.look(), p.sign(b, b.Fence)...)...))
	if errors.Is(err, pgx.ErrNoRows) {
		err = p.scan(&s)(p.pool.QueryRow(ctx, p.in(`SELECT `+stateColumns+` FROM %[1]s.state`), p.look()...))
		if err == nil && (s.author != p.id || s.attempt != p.attempt) {
			err = p.lost(&s)
		}
	}
	if err == nil {
		err = p.check(&s)
	}
	return s.lease, explain(err)
}

func (p *Store) lost(s *stateRow) error {
	if err := p.check(s); err != nil {
		return err
	}
	return fmt.Errorf("%w: it has the lease", ledger.ErrOvertaken)
}

// signColumns are the columns of a heartbeat: what the state says about the leader, with the
// arguments from sign.
const signColumns = `beat = clock_timestamp(), limits = $5, limited = clock_timestamp(), author = $3::text, attempt = $6, holder = CASE WHEN $7::boolean THEN NULL ELSE $3::text END,
	sync_number = sync_number + $8::bigint, sync_by = CASE WHEN $8 = 0 THEN sync_by ELSE $3::text END,
	sync_result = CASE WHEN $8 = 0 THEN sync_result ELSE $9::text END, sync_took = CASE WHEN $8 = 0 THEN sync_took ELSE $10::interval END,
	sync_rest = CASE WHEN $8 = 0 THEN sync_rest ELSE $11::interval END, sync_ended = CASE WHEN $8 = 0 THEN sync_ended ELSE clock_timestamp() END`

// sign returns the arguments from $3 on. A batch without a lease leaves no heartbeat.
func (p *Store) sign(b *ledger.Batch, fence uint64) []any {
	synced, record := int64(0), ledger.SyncRecord{}
	if b.Sync != nil {
		synced, record = 1, *b.Sync
	}
	return []any{p.id, int64(fence), b.Limits, p.attempt, b.Release || b.Fence == 0, synced, record.Result, record.Took, record.Rest}
}

// Follow implements [state.SharedStore].
func (p *Store) Follow(ctx context.Context) (state.Lease, *ledger.Batch, error) {
	a, err := p.ask(ctx, func(*pgx.Batch) {})
	return p.since(a, err)
}

// answer is the content of the state in one transaction.
type answer struct {
	state stateRow
	news  news
	late  bool // it did not start in time
}

// ask sends the first statements, and reads the state and what is new in it, in one
// transaction and one round trip. The answer must start within askLimit; how long the rest
// takes depends on how much is new.
func (p *Store) ask(ctx context.Context, first func(*pgx.Batch)) (a answer, err error) {
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	limit := time.AfterFunc(askLimit, cancel)
	defer limit.Stop()
	err = again(within, func() error {
		limit.Reset(askLimit)
		a = answer{}
		var b pgx.Batch
		first(&b)
		b.Queue(p.in(`SELECT `+stateColumns+` FROM %[1]s.state`), p.look()...).QueryRow(func(row pgx.Row) error {
			limit.Stop()
			return p.scan(&a.state)(row)
		})
		b.Queue(p.in(newsStatement), p.at).Query(func(rows pgx.Rows) error {
			// They can belong to another state, or come from a newer program, as since
			// reports.
			if err := p.check(&a.state); err == nil {
				return a.news.read(rows)
			}
			return nil
		})
		return p.pool.SendBatch(within, &b).Close()
	})
	if err != nil && within.Err() != nil && ctx.Err() == nil {
		a.late = true
		err = fmt.Errorf("timeout: %w", context.DeadlineExceeded)
	}
	return a, err
}

// again retries once if a connection turns out to be gone, as idle ones can be. That is not a
// problem if another one works.
func again(ctx context.Context, ask func() error) error {
	err := ask()
	for tries := 0; err != nil && tries < connections && ctx.Err() == nil && broken(err); tries++ {
		err = ask()
	}
	return err
}

// since returns what was committed up to a look at the state.
func (p *Store) since(a answer, err error) (state.Lease, *ledger.Batch, error) {
	if err == nil {
		err = p.check(&a.state)
	}
	if err != nil || a.news.commit == 0 {
		return a.state.lease, nil, explain(err)
	}
	if a.news.pruned > p.at {
		return a.state.lease, nil, fmt.Errorf("%w: what was deleted since is not known any more", ledger.ErrOvertaken)
	}
	p.at = a.news.commit
	return a.state.lease, &a.news.batch, nil
}
