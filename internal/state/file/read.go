package file

import (
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state/codec"
)

// readRows delivers every row, and compares the rows with the totals.
func (f *Store) readRows(tx *bbolt.Tx, rows ledger.Rows) error {
	if err := checkSchema(tx); err != nil {
		return err
	}
	want, err := readTotals(tx)
	if err != nil {
		return err
	}
	got := totals{Commit: want.Commit}
	if record := tx.Bucket(codec.AboutBucket).Get(codec.AccountKey); record != nil {
		row, err := codec.DecodeAccount(record)
		if err != nil {
			return err
		}
		got.add(codec.Sum(record))
		if err := rows.Account(row); err != nil {
			return err
		}
	}
	reader := codec.Reader{Rows: rows}
	for kind := range codec.Kinds {
		b := tx.Bucket(kind.Bucket())
		if b == nil && kind != codec.Trace {
			return fmt.Errorf("%w: no bucket %s", ledger.ErrUnreadable, kind.Bucket())
		}
		if b == nil {
			continue
		}
		err := b.ForEach(func(key, record []byte) error {
			got.add(codec.Sum(record))
			return reader.Record(kind, key, record)
		})
		if err != nil {
			return err
		}
	}
	if got != want {
		return fmt.Errorf("%w: %d records where %d were written", ledger.ErrUnreadable, got.Records, want.Records)
	}
	f.written = want
	return nil
}

// readTotals returns the totals that the last commit wrote.
func readTotals(tx *bbolt.Tx) (totals, error) {
	var t totals
	payload, err := codec.Unseal(codec.AboutBucket, keyTotals, tx.Bucket(codec.AboutBucket).Get(keyTotals))
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal(payload, &t); err != nil {
		return t, fmt.Errorf("%w: %w", ledger.ErrUnreadable, err)
	}
	return t, nil
}
