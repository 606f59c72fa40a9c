package postgres

import (
	"github.com/jackc/pgx/v5"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state/codec"
)

// writer collects the records of a commit. It is the commit's [codec.Records].
type writer struct {
	schema *Store
	commit int64
	blocks map[string][]byte // stored records of events, by key

	// The columns to write.
	endpoints []string
	kinds     []int16
	keys      [][]byte
	values    [][]byte
}

// Get implements [codec.Records].
func (w *writer) Get(_ codec.Kind, key []byte) []byte { return w.blocks[string(key)] }

// Put implements [codec.Records].
func (w *writer) Put(kind codec.Kind, key, record []byte) error {
	endpoint, rest := codec.SplitKey(kind, key)
	if rest == nil {
		rest = []byte{}
	}
	w.endpoints = append(w.endpoints, endpoint)
	w.kinds = append(w.kinds, int16(kind))
	w.keys = append(w.keys, rest)
	w.values = append(w.values, record)
	return nil
}

// Delete implements [codec.Records]. A deleted record stays for a while without a value, so
// that others learn of the deletion.
func (w *writer) Delete(kind codec.Kind, key []byte) error { return w.Put(kind, key, nil) }

// queue queues the statements that write all records.
func (w *writer) queue(out *pgx.Batch, b *ledger.Batch) {
	if len(b.Dropped) > 0 {
		out.Queue(w.schema.in(`DELETE FROM %[1]s.record WHERE endpoint = ANY ($1)`), b.Dropped)
	}
	if len(w.keys) > 0 {
		out.Queue(w.schema.in(`INSERT INTO %[1]s.record (endpoint, kind, key, value, commit, at)
			SELECT endpoint, kind, key, value, $5, now() FROM unnest($1::text[], $2::smallint[], $3::bytea[], $4::bytea[]) AS n (endpoint, kind, key, value)
			ON CONFLICT (endpoint, kind, key) DO UPDATE SET value = excluded.value, commit = excluded.commit, at = excluded.at`),
			w.endpoints, w.kinds, w.keys, w.values, w.commit)
	}
}

// blocksOf returns the records that contain the rows of events.
func blocksOf(rows []ledger.EventRow) (endpoints []string, keys [][]byte) {
	for _, key := range codec.EventKeys(rows) {
		endpoint, rest := codec.SplitKey(codec.Events, key)
		endpoints = append(endpoints, endpoint)
		keys = append(keys, rest)
	}
	return endpoints, keys
}
