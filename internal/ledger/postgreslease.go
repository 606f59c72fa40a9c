package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Claim implements [Shared].
func (p *Postgres) Claim(ctx context.Context, c Claim) (Claims, error) {
	if err := p.nameLeases(ctx, c.Names); err != nil {
		return Claims{}, pgError(err)
	}
	p.mu.Lock()
	id := p.id
	p.mu.Unlock()
	got := Claims{Done: make(map[string]bool)}
	var since *time.Time
	if !c.Since.IsZero() {
		since = &c.Since
	}
	ask := &pgx.Batch{}
	// One transaction: it is not seen half, and a claim is made once.
	ask.Queue(p.in(`WITH free AS (
			SELECT l.name FROM %[1]s.lease l
			WHERE l.name = ANY ($2) AND ($4::timestamptz IS NULL OR l.done IS NULL OR l.done < $4)
			AND (l.holder IS NULL OR l.holder = $1 OR NOT EXISTS (
				SELECT 1 FROM %[1]s.replica r WHERE r.id = l.holder AND r.alive_until > clock_timestamp()))
			ORDER BY l.name LIMIT $3 FOR UPDATE OF l SKIP LOCKED)
		UPDATE %[1]s.lease l SET holder = $1, fence = l.fence + 1, wanted = false
		FROM free WHERE free.name = l.name RETURNING l.name, l.fence`), id, c.Names, c.Most, since).
		Query(func(rows pgx.Rows) error {
			var l Lease
			_, err := pgx.ForEachRow(rows, []any{&l.Name, &l.Fence}, func() error {
				got.Leases = append(got.Leases, l)
				return nil
			})
			return err
		})
	if since != nil {
		ask.Queue(p.in(`SELECT name, ok FROM %[1]s.lease WHERE name = ANY ($1) AND done >= $2`), c.Names, since).
			Query(func(rows pgx.Rows) error {
				var name string
				var ok bool
				_, err := pgx.ForEachRow(rows, []any{&name, &ok}, func() error {
					got.Done[name] = ok
					return nil
				})
				return err
			})
		ask.Queue(p.in(`UPDATE %[1]s.lease SET wanted = true WHERE name IN (
			SELECT name FROM %[1]s.lease WHERE name = ANY ($2) AND holder <> $1 AND NOT wanted AND (done IS NULL OR done < $3)
			ORDER BY name FOR UPDATE SKIP LOCKED)`), id, c.Names, since)
	}
	if err := p.pool.SendBatch(ctx, ask).Close(); err != nil {
		return Claims{}, pgError(err)
	}
	slices.SortFunc(got.Leases, func(a, b Lease) int { return slices.Index(c.Names, a.Name) - slices.Index(c.Names, b.Name) })
	return got, nil
}

// nameLeases makes the rows of leases that were never asked for.
func (p *Postgres) nameLeases(ctx context.Context, names []string) error {
	var unknown []string
	p.mu.Lock()
	for _, name := range names {
		if _, ok := p.names[name]; !ok {
			unknown = append(unknown, name)
		}
	}
	p.mu.Unlock()
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	_, err := p.pool.Exec(ctx, p.in(`INSERT INTO %[1]s.lease (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING`), unknown)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range unknown {
		p.names[name] = struct{}{}
	}
	return nil
}

// tell is a commit of a batch without rows: it changes no number that others follow.
func (p *Postgres) tell(ctx context.Context, tx pgx.Tx, b *Batch) error {
	held := 0
	out := &pgx.Batch{}
	p.queueHeld(out, b, &held)
	p.queueLeases(out, b)
	if err := tx.SendBatch(ctx, out).Close(); err != nil {
		return err
	}
	if held < len(b.Leases) {
		return leasesLost(len(b.Leases) - held)
	}
	return nil
}

// queueHeld queues the locking of the leases that a batch needs, and the counting of
// those that nobody has taken over: every lease has a higher fence than the one before.
func (p *Postgres) queueHeld(out *pgx.Batch, b *Batch, held *int) {
	names, fences := leaseArrays(b.Leases)
	if len(names) == 0 {
		return
	}
	out.Queue(p.in(`SELECT count(*) FROM (SELECT l.name FROM %[1]s.lease l JOIN unnest($1::text[], $2::bigint[]) AS n (name, fence)
		ON n.name = l.name AND n.fence = l.fence ORDER BY l.name FOR UPDATE OF l) held`), names, fences).
		QueryRow(func(row pgx.Row) error { return row.Scan(held) })
}

func leasesLost(n int) error { return fmt.Errorf("%w: %d leases are held by others", ErrOvertaken, n) }

// queueLeases queues what a batch says of leases. A lease that has ended in the
// meantime is left alone.
func (p *Postgres) queueLeases(out *pgx.Batch, b *Batch) {
	if len(b.Done) > 0 {
		slices.SortFunc(b.Done, func(a, b Done) int { return slices.Compare([]byte(a.Name), []byte(b.Name)) })
		var names []string
		var fences []int64
		var oks []bool
		for _, d := range b.Done {
			names, fences, oks = append(names, d.Name), append(fences, int64(b.Leases[d.Name])), append(oks, d.OK)
		}
		out.Queue(p.in(`UPDATE %[1]s.lease l SET done = clock_timestamp(), ok = n.ok, wanted = false FROM unnest($2::text[], $3::bigint[], $4::boolean[]) AS n (name, fence, ok)
			WHERE l.name = n.name AND l.fence = n.fence AND l.holder = $1`), p.id, names, fences, oks)
	}
	if len(b.Freed) > 0 {
		names, fences := leaseArrays(b.Freed)
		out.Queue(p.in(`UPDATE %[1]s.lease l SET holder = NULL, wanted = false FROM unnest($2::text[], $3::bigint[]) AS n (name, fence)
			WHERE l.name = n.name AND l.fence = n.fence AND l.holder = $1`), p.id, names, fences)
	}
}
