package ledger

import (
	"fmt"

	"go.etcd.io/bbolt"
)

// readRows hands every row over, and compares what it met with the totals.
func (f *File) readRows(tx *bbolt.Tx, rows Rows) error {
	if err := checkSchema(tx); err != nil {
		return err
	}
	want, err := readTotals(tx)
	if err != nil {
		return err
	}
	got := totals{Commit: want.Commit}
	r := fileReader{tx: tx, totals: &got}
	if err := r.account(rows); err != nil {
		return err
	}
	type step struct {
		bucket []byte
		row    func(key, payload []byte) error
	}
	steps := []step{
		{bucketEndpoints, func(key, payload []byte) error {
			var row EndpointRow
			if err := decodeJSON(payload, &row); err != nil {
				return err
			}
			row.ID = string(key)
			return rows.Endpoint(row)
		}},
		{bucketSeries, func(key, payload []byte) error {
			row, err := decodeSeries(key, payload)
			if err != nil {
				return err
			}
			return rows.Series(row)
		}},
		{bucketLatency, func(key, payload []byte) error {
			var row LatencyRow
			if err := decodeJSON(payload, &row); err != nil {
				return err
			}
			row.Endpoint = string(key)
			return rows.Latency(row)
		}},
		{bucketEvents, func(key, payload []byte) error { return r.events(key, payload, rows) }},
		{bucketFailures, func(key, payload []byte) error {
			row, err := decodeFailure(key, payload)
			if err != nil {
				return err
			}
			return rows.Failure(row)
		}},
	}
	if tx.Bucket(bucketTraces) != nil {
		steps = append(steps, step{bucketTraces, func(key, payload []byte) error {
			row, err := decodeTrace(key, payload)
			if err != nil {
				return err
			}
			return rows.Trace(row)
		}})
	}
	for _, step := range steps {
		if err := r.each(step.bucket, step.row); err != nil {
			return err
		}
	}
	if got != want {
		return fmt.Errorf("%w: %d records where %d were written", ErrUnreadable, got.Records, want.Records)
	}
	f.written = want
	return nil
}

// fileReader reads records and adds them up.
type fileReader struct {
	tx     *bbolt.Tx
	totals *totals
	block  block
}

func (r *fileReader) account(rows Rows) error {
	record := r.tx.Bucket(bucketMeta).Get(keyAccount)
	if record == nil {
		return nil
	}
	payload, sum, err := unseal(bucketMeta, keyAccount, record)
	if err != nil {
		return err
	}
	r.totals.add(sum)
	var row AccountRow
	if err := decodeJSON(payload, &row); err != nil {
		return err
	}
	return rows.Account(row)
}

func (r *fileReader) each(bucket []byte, row func(key, payload []byte) error) error {
	b := r.tx.Bucket(bucket)
	if b == nil {
		return fmt.Errorf("%w: no bucket %s", ErrUnreadable, bucket)
	}
	return b.ForEach(func(key, record []byte) error {
		payload, sum, err := unseal(bucket, key, record)
		if err != nil {
			return err
		}
		r.totals.add(sum)
		return row(key, payload)
	})
}

func (r *fileReader) events(key, payload []byte, rows Rows) error {
	if err := readBlock(key, payload, &r.block); err != nil {
		return err
	}
	for i := range r.block {
		if r.block[i].Event.State != Free {
			if err := rows.Event(r.block[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// readTotals returns what the last commit wrote.
func readTotals(tx *bbolt.Tx) (totals, error) {
	var t totals
	payload, _, err := unseal(bucketMeta, keyTotals, tx.Bucket(bucketMeta).Get(keyTotals))
	if err != nil {
		return t, err
	}
	err = decodeJSON(payload, &t)
	return t, err
}
