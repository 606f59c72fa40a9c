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

// read hands over every row, as after one commit. known says whether what the lease needs
// is read as well.
func (p *Postgres) read(ctx context.Context, rows Rows, known bool) error {
	return pgx.BeginTxFunc(ctx, p.pool, snapshot, func(tx pgx.Tx) error {
		var account []byte
		if err := tx.QueryRow(ctx, p.in(`SELECT account FROM %[1]s.state`)).Scan(&account); err != nil {
			return err
		}
		if known {
			var s pgState
			if err := p.scan(&s)(tx.QueryRow(ctx, p.in(`SELECT `+pgColumns+` FROM %[1]s.state`), p.look()...)); err != nil {
				return err
			}
			p.at, p.era, p.history, p.here = s.lease.Commit, s.era, s.history, s.here
		}
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
		found, err := tx.Query(ctx, p.in(`SELECT endpoint, kind, key, value FROM %[1]s.record WHERE commit > $1`), p.at)
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
		p.at = commit
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

// pgReader is the store for a look that changes nothing: it makes no schema, and works
// on older layouts as they are.
type pgReader struct{ *Postgres }

// Load implements [Store].
func (p pgReader) Load(ctx context.Context, rows Rows) error {
	layout, err := p.layout(ctx, p.pool)
	if err != nil || layout == 0 {
		return pgError(err) // the first start makes it
	}
	return pgError(p.read(ctx, rows, false))
}
