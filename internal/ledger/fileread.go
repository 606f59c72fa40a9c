package ledger

import (
	"encoding/json"
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
	if record := tx.Bucket(AboutBucket).Get(AccountKey); record != nil {
		row, err := DecodeAccount(record)
		if err != nil {
			return err
		}
		got.add(Sum(record))
		if err := rows.Account(row); err != nil {
			return err
		}
	}
	reader := RecordReader{Rows: rows}
	for kind := range RecordKinds {
		b := tx.Bucket(kind.Bucket())
		if b == nil && kind != RecordTrace {
			return fmt.Errorf("%w: no bucket %s", ErrUnreadable, kind.Bucket())
		}
		if b == nil {
			continue
		}
		err := b.ForEach(func(key, record []byte) error {
			got.add(Sum(record))
			return reader.Record(kind, key, record)
		})
		if err != nil {
			return err
		}
	}
	if got != want {
		return fmt.Errorf("%w: %d records where %d were written", ErrUnreadable, got.Records, want.Records)
	}
	f.written = want
	return nil
}

// readTotals returns what the last commit wrote.
func readTotals(tx *bbolt.Tx) (totals, error) {
	var t totals
	payload, err := Unseal(AboutBucket, keyTotals, tx.Bucket(AboutBucket).Get(keyTotals))
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal(payload, &t); err != nil {
		return t, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return t, nil
}
