package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// The kinds of records, in the order in which they are read.
const (
	pgEndpoint = iota
	pgSeries
	pgLatency
	pgEvents
	pgFailure
	pgTrace
)

// snapshot is how what is read is read: all of it after the same commit.
var snapshot = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

// pgRecord is a row of record.
type pgRecord struct {
	endpoint   string
	kind       int16
	key, value []byte // value is nil where it was deleted
}

// read hands over every row, as after one commit.
func (p *Postgres) read(ctx context.Context, rows Rows) error {
	return pgx.BeginTxFunc(ctx, p.pool, snapshot, func(tx pgx.Tx) error {
		var account []byte
		var era int64
		err := tx.QueryRow(ctx, p.in(`SELECT commit, era, account FROM %[1]s.state`)).Scan(&p.at, &era, &account)
		if err != nil {
			return err
		}
		p.mu.Lock()
		p.era = era
		p.mu.Unlock()
		if account == nil {
			return nil
		}
		row, err := decodeAccount(account)
		if err != nil {
			return err
		}
		if err := rows.Account(row); err != nil {
			return err
		}
		var bl block
		for kind := int16(pgEndpoint); kind <= pgTrace; kind++ { // by its index, as rows want them
			found, err := tx.Query(ctx, p.in(`SELECT endpoint, kind, key, value FROM %[1]s.record WHERE kind = $1 AND value IS NOT NULL`), kind)
			if err != nil {
				return err
			}
			var r pgRecord
			_, err = pgx.ForEachRow(found, []any{&r.endpoint, &r.kind, &r.key, &r.value}, func() error { return r.hand(rows, &bl, false) })
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// hand hands over what a record holds; of events also the free slots, where those who
// follow must learn of them.
func (r *pgRecord) hand(rows Rows, bl *block, free bool) error {
	payload, _, err := unseal(r.bucket(), r.fullKey(), r.value)
	if err != nil {
		return err
	}
	switch r.kind {
	case pgEndpoint:
		var row EndpointRow
		if err := decodeJSON(payload, &row); err != nil {
			return err
		}
		row.ID = r.endpoint
		return rows.Endpoint(row)
	case pgSeries:
		row, err := decodeSeries(r.fullKey(), payload)
		if err != nil {
			return err
		}
		return rows.Series(row)
	case pgLatency:
		var row LatencyRow
		if err := decodeJSON(payload, &row); err != nil {
			return err
		}
		row.Endpoint = r.endpoint
		return rows.Latency(row)
	case pgEvents:
		return r.events(payload, bl, rows, free)
	case pgTrace:
		row, err := decodeTrace(r.fullKey(), payload)
		if err != nil {
			return err
		}
		return rows.Trace(row)
	default:
		row, err := decodeFailure(r.fullKey(), payload)
		if err != nil {
			return err
		}
		return rows.Failure(row)
	}
}

func (r *pgRecord) events(payload []byte, bl *block, rows Rows, free bool) error {
	if err := readBlock(r.fullKey(), payload, bl); err != nil {
		return err
	}
	for i := range bl {
		if bl[i].Event.State == Free && !free {
			continue
		}
		if err := rows.Event(bl[i]); err != nil {
			return err
		}
	}
	return nil
}

// bucket names the kind as the file store does: its checksums have it in them.
func (r *pgRecord) bucket() []byte { return dataBucketOf[r.kind] }

var dataBucketOf = [][]byte{bucketEndpoints, bucketSeries, bucketLatency, bucketEvents, bucketFailures, bucketTraces}

// fullKey is the key that the file store would use.
func (r *pgRecord) fullKey() []byte {
	if r.kind == pgEndpoint || r.kind == pgLatency {
		return []byte(r.endpoint)
	}
	return append(endpointPrefix(r.endpoint), r.key...)
}

func decodeAccount(record []byte) (row AccountRow, err error) {
	payload, _, err := unseal(bucketMeta, keyAccount, record)
	if err == nil {
		err = decodeJSON(payload, &row)
	}
	return row, err
}

// Follow implements [Shared].
func (p *Postgres) Follow(ctx context.Context) (*Batch, error) {
	p.mu.Lock()
	id, era := p.id, p.era
	p.mu.Unlock()
	var commit, nowEra int64
	var needs int
	var wanted []string
	var fences []int64
	ask, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	err := p.pool.QueryRow(ask, p.in(`SELECT commit, era, needs,
		ARRAY(SELECT name FROM %[1]s.lease WHERE holder = $1 AND wanted ORDER BY name),
		ARRAY(SELECT fence FROM %[1]s.lease WHERE holder = $1 AND wanted ORDER BY name)
		FROM %[1]s.state`), id).Scan(&commit, &nowEra, &needs, &wanted, &fences)
	switch {
	case err != nil:
		return nil, pgError(err)
	case checkNeeds(needs) != nil:
		return nil, checkNeeds(needs)
	case p.server.changed.Load():
		return nil, errOtherServer
	case nowEra != era:
		return nil, fmt.Errorf("%w: the counters were reset", ErrOvertaken)
	case commit < p.known():
		return nil, fmt.Errorf("%w: its last commit is number %d, a later one was seen before", ErrOvertaken, commit)
	}
	b := &Batch{Wanted: make(map[string]uint64, len(wanted))}
	for i, name := range wanted {
		b.Wanted[name] = uint64(fences[i])
	}
	switch {
	case commit > p.at+int64(len(p.own)):
		if err := p.readSince(ctx, b); err != nil {
			return nil, pgError(err)
		}
	case len(wanted) == 0:
		b = nil
		fallthrough
	default: // all that is new is this process's own
		p.at, p.own = commit, nil
	}
	return b, nil
}

// readSince reads what others have committed since the last time.
func (p *Postgres) readSince(ctx context.Context, b *Batch) error {
	var commit int64
	err := pgx.BeginTxFunc(ctx, p.pool, snapshot, func(tx pgx.Tx) error {
		var pruned int64
		var account []byte
		err := tx.QueryRow(ctx, p.in(`SELECT commit, pruned, account FROM %[1]s.state`)).Scan(&commit, &pruned, &account)
		if err != nil {
			return err
		}
		if pruned > p.at {
			return fmt.Errorf("%w: what was deleted since is not known any more", ErrOvertaken)
		}
		row, err := decodeAccount(account)
		if err != nil {
			return err
		}
		b.Account = &row
		found, err := tx.Query(ctx, p.in(`SELECT endpoint, kind, key, value FROM %[1]s.record
			WHERE commit > $1 AND commit <> ALL (coalesce($2::bigint[], '{}'))`), p.at, p.own)
		if err != nil {
			return err
		}
		var bl block
		var r pgRecord
		_, err = pgx.ForEachRow(found, []any{&r.endpoint, &r.kind, &r.key, &r.value}, func() error { return r.follow(b, &bl) })
		return err
	})
	// The connection may break after the last row: what is then not taken in is read again.
	if err == nil {
		p.at, p.own = commit, nil
	}
	return err
}

// follow adds what a record holds to what others have committed.
func (r *pgRecord) follow(b *Batch, bl *block) error {
	switch {
	case r.value != nil:
		return r.hand(gather{b}, bl, true)
	case r.kind == pgFailure:
		row, err := failureAt(r.fullKey())
		b.Failures = append(b.Failures, row)
		return err
	case r.kind == pgTrace:
		row, err := traceAt(r.fullKey())
		row.Gone = true
		b.Traces = append(b.Traces, row)
		return err
	case r.kind == pgEvents:
		return r.events(nil, bl, gather{b}, true)
	}
	return fmt.Errorf("%w: a record of kind %d was deleted", ErrOvertaken, r.kind)
}

// pgReader is the store for a look that changes nothing: it makes no schema, and the
// others do not hear of it.
type pgReader struct{ *Postgres }

// Load implements [Store].
func (p pgReader) Load(ctx context.Context, rows Rows) error {
	made, err := p.made(ctx, p.pool)
	if err != nil || !made {
		return pgError(err) // the first start makes it
	}
	return pgError(p.read(ctx, rows))
}
