package file

import (
	"bytes"
	"encoding/json"

	"go.etcd.io/bbolt"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state/codec"
)

// totals are over all records except themselves and the schema. They show that a record is
// missing, which no checksum of a record can.
type totals struct {
	Commit  uint64 `json:"commit"`
	Records uint64 `json:"records"`
	Sum     uint64 `json:"sum"` // of the records' checksums
}

func (t *totals) add(sum uint32)    { t.Records++; t.Sum += uint64(sum) }
func (t *totals) remove(sum uint32) { t.Records--; t.Sum -= uint64(sum) }

// fillPercent is how full the halves of a split page are: slots are used in order, so most
// pages only change in place later.
const fillPercent = 0.8

// writer changes records, and maintains their totals. It is the [codec.Records] of a commit.
type writer struct {
	tx     *bbolt.Tx
	totals *totals
}

func (w *writer) batch(b *ledger.Batch) error {
	for _, id := range b.Dropped {
		if err := w.drop(id); err != nil {
			return err
		}
	}
	if b.Account != nil {
		record, err := codec.EncodeAccount(b.Account)
		if err != nil {
			return err
		}
		if err := w.put(w.tx.Bucket(codec.AboutBucket), codec.AccountKey, record); err != nil {
			return err
		}
	}
	return codec.Write(b, w)
}

// Get implements [codec.Records].
func (w *writer) Get(kind codec.Kind, key []byte) []byte { return w.tx.Bucket(kind.Bucket()).Get(key) }

// Put implements [codec.Records].
func (w *writer) Put(kind codec.Kind, key, record []byte) error {
	b := w.tx.Bucket(kind.Bucket())
	if b == nil { // the first trace
		var err error
		if b, err = w.firstTrace(); err != nil {
			return err
		}
	}
	return w.put(b, key, record)
}

// firstTrace creates the bucket of traces, and raises the schema, because an older version
// would miss the traces in the totals.
func (w *writer) firstTrace() (*bbolt.Bucket, error) {
	b, err := w.tx.CreateBucket(codec.Trace.Bucket())
	if err != nil {
		return nil, err
	}
	return b, writeSchema(w.tx, schemaTraces)
}

func (w *writer) put(b *bbolt.Bucket, key, record []byte) error {
	b.FillPercent = fillPercent
	w.leaves(b.Get(key))
	w.totals.add(codec.Sum(record))
	return b.Put(key, record)
}

// Delete implements [codec.Records].
func (w *writer) Delete(kind codec.Kind, key []byte) error {
	b := w.tx.Bucket(kind.Bucket())
	if b == nil {
		return nil
	}
	w.leaves(b.Get(key))
	return b.Delete(key)
}

// leaves subtracts a record from the totals before it is removed; nil for none.
func (w *writer) leaves(record []byte) {
	if record != nil {
		w.totals.remove(codec.Sum(record))
	}
}

// drop deletes every record of an endpoint.
func (w *writer) drop(endpoint string) error {
	for kind := range codec.Kinds {
		if kind.Whole() {
			if err := w.Delete(kind, []byte(endpoint)); err != nil {
				return err
			}
			continue
		}
		b := w.tx.Bucket(kind.Bucket())
		if b == nil {
			continue
		}
		var keys [][]byte // a cursor loses its place when its record is deleted
		prefix, c := codec.Prefix(endpoint), b.Cursor()
		for key, _ := c.Seek(prefix); bytes.HasPrefix(key, prefix); key, _ = c.Next() {
			keys = append(keys, bytes.Clone(key))
		}
		for _, key := range keys {
			if err := w.Delete(kind, key); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeTotals(tx *bbolt.Tx, t totals) error {
	payload, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return tx.Bucket(codec.AboutBucket).Put(keyTotals, codec.Seal(codec.AboutBucket, keyTotals, payload))
}
