package ledger

import (
	"bytes"
	"encoding/binary"
	"encoding/json"

	"go.etcd.io/bbolt"
)

// totals are over every record but themselves and the schema's: they tell that a
// record is missing, which no checksum of a record can.
type totals struct {
	Commit  uint64 `json:"commit"`
	Records uint64 `json:"records"`
	Sum     uint64 `json:"sum"` // of the records' checksums
}

func (t *totals) add(sum uint32)    { t.Records++; t.Sum += uint64(sum) }
func (t *totals) remove(sum uint32) { t.Records--; t.Sum -= uint64(sum) }

// fillPercent is how full a page is made when it is split: slots are handed out in
// order, so most pages are never written into again but for what changes in place.
const fillPercent = 0.8

// fileWriter changes records and keeps their totals.
type fileWriter struct {
	tx     *bbolt.Tx
	totals *totals
}

func (w *fileWriter) batch(b *Batch) error {
	for _, id := range b.Dropped {
		if err := w.drop(id); err != nil {
			return err
		}
	}
	if b.Account != nil {
		if err := w.putJSON(bucketMeta, keyAccount, b.Account); err != nil {
			return err
		}
	}
	for _, r := range b.Endpoints {
		if err := w.putJSON(bucketEndpoints, []byte(r.ID), r); err != nil {
			return err
		}
	}
	for _, r := range b.Latencies {
		if err := w.putJSON(bucketLatency, []byte(r.Endpoint), r); err != nil {
			return err
		}
	}
	for _, r := range b.Series {
		payload, err := encodeSeries(r)
		if err != nil {
			return err
		}
		if err := w.put(bucketSeries, seriesKey(r), payload); err != nil {
			return err
		}
	}
	if err := w.events(b.Events); err != nil {
		return err
	}
	if err := w.failures(b.Failures); err != nil {
		return err
	}
	return w.traces(b.Traces)
}

// events rewrites the blocks that the rows are in.
func (w *fileWriter) events(rows []EventRow) error {
	var bl block
	return eachBlock(rows, func(endpoint string, number uint32, rows []EventRow) error {
		key := blockKey(endpoint, number)
		bl = block{}
		if record := w.tx.Bucket(bucketEvents).Get(key); record != nil {
			payload, _, err := unseal(bucketEvents, key, record)
			if err != nil {
				return err
			}
			if err := decodeBlock(endpoint, number, payload, &bl); err != nil {
				return err
			}
		}
		bl.put(rows)
		return w.putBlock(key, &bl)
	})
}

func (w *fileWriter) putBlock(key []byte, bl *block) error {
	if bl.empty() {
		return w.delete(bucketEvents, key)
	}
	return w.put(bucketEvents, key, bl.encode())
}

func (w *fileWriter) putJSON(bucket, key []byte, v any) error {
	payload, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.put(bucket, key, payload)
}

func (w *fileWriter) put(bucket, key, payload []byte) error {
	b := w.tx.Bucket(bucket)
	b.FillPercent = fillPercent
	w.remove(b.Get(key))
	record := seal(bucket, key, payload)
	w.totals.add(binary.BigEndian.Uint32(record[len(payload):]))
	return b.Put(key, record)
}

func (w *fileWriter) delete(bucket, key []byte) error {
	b := w.tx.Bucket(bucket)
	w.remove(b.Get(key))
	return b.Delete(key)
}

// remove takes a record that is about to go out of the totals.
func (w *fileWriter) remove(record []byte) {
	if len(record) >= sealLen {
		w.totals.remove(binary.BigEndian.Uint32(record[len(record)-sealLen:]))
	}
}

// drop deletes every record of an endpoint.
func (w *fileWriter) drop(endpoint string) error {
	for _, bucket := range [][]byte{bucketEndpoints, bucketLatency} {
		if err := w.delete(bucket, []byte(endpoint)); err != nil {
			return err
		}
	}
	prefix := endpointPrefix(endpoint)
	for _, bucket := range [][]byte{bucketSeries, bucketEvents, bucketFailures, bucketTraces} {
		if w.tx.Bucket(bucket) == nil {
			continue
		}
		var keys [][]byte // a cursor loses its place when what it stands on is deleted
		c := w.tx.Bucket(bucket).Cursor()
		for key, _ := c.Seek(prefix); bytes.HasPrefix(key, prefix); key, _ = c.Next() {
			keys = append(keys, bytes.Clone(key))
		}
		for _, key := range keys {
			if err := w.delete(bucket, key); err != nil {
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
	return tx.Bucket(bucketMeta).Put(keyTotals, seal(bucketMeta, keyTotals, payload))
}
