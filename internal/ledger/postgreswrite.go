package ledger

import (
	"encoding/json"

	"github.com/jackc/pgx/v5"
)

// pgWriter turns a batch into records.
type pgWriter struct {
	schema *Postgres
	commit int64
	blocks map[string][]byte // records of events as they are, by full key

	// Columns of what is to be written.
	endpoints []string
	kinds     []int16
	keys      [][]byte
	values    [][]byte
}

// put notes a record to write; a nil payload deletes it.
func (w *pgWriter) put(r pgRecord, payload []byte) {
	if payload != nil {
		payload = seal(r.bucket(), r.fullKey(), payload)
	}
	w.endpoints = append(w.endpoints, r.endpoint)
	w.kinds = append(w.kinds, r.kind)
	w.keys = append(w.keys, r.key)
	w.values = append(w.values, payload)
}

func (w *pgWriter) putJSON(r pgRecord, v any) error {
	payload, err := json.Marshal(v)
	if err == nil {
		w.put(r, payload)
	}
	return err
}

// rest is a key of the file store without the endpoint before it.
func rest(endpoint string, key []byte) []byte { return key[len(endpoint)+1:] }

func (w *pgWriter) rows(b *Batch) error {
	for _, r := range b.Endpoints {
		if err := w.putJSON(pgRecord{endpoint: r.ID, kind: pgEndpoint, key: []byte{}}, r); err != nil {
			return err
		}
	}
	for _, r := range b.Latencies {
		if err := w.putJSON(pgRecord{endpoint: r.Endpoint, kind: pgLatency, key: []byte{}}, r); err != nil {
			return err
		}
	}
	for _, r := range b.Series {
		payload, err := encodeSeries(r)
		if err != nil {
			return err
		}
		w.put(pgRecord{endpoint: r.Endpoint, kind: pgSeries, key: rest(r.Endpoint, seriesKey(r))}, payload)
	}
	for _, r := range b.Failures {
		record := pgRecord{endpoint: r.Endpoint, kind: pgFailure, key: rest(r.Endpoint, failureKey(r))}
		if r.Failure == nil {
			w.put(record, nil)
			continue
		}
		payload, err := encodeFailure(r)
		if err != nil {
			return err
		}
		w.put(record, payload)
	}
	for i := range b.Traces {
		r := &b.Traces[i]
		record := pgRecord{endpoint: r.Endpoint, kind: pgTrace, key: rest(r.Endpoint, traceKey(*r))}
		if r.Gone {
			w.put(record, nil)
		} else {
			w.put(record, encodeTrace(r))
		}
	}
	return w.events(b.Events)
}

// events writes the blocks that rows are in.
func (w *pgWriter) events(rows []EventRow) error {
	return eachBlock(rows, func(endpoint string, number uint32, rows []EventRow) error {
		r := pgRecord{endpoint: endpoint, kind: pgEvents, key: rest(endpoint, blockKey(endpoint, number))}
		var bl block
		if record := w.blocks[string(r.fullKey())]; record != nil {
			payload, _, err := unseal(r.bucket(), r.fullKey(), record)
			if err != nil {
				return err
			}
			if err := decodeBlock(endpoint, number, payload, &bl); err != nil {
				return err
			}
		}
		bl.put(rows)
		if bl.empty() {
			w.put(r, nil)
		} else {
			w.put(r, bl.encode())
		}
		return nil
	})
}

// queue queues the statements that write all that was put.
func (w *pgWriter) queue(out *pgx.Batch, b *Batch) {
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

// blocksOf returns which blocks of events the rows are in.
func blocksOf(rows []EventRow) (endpoints []string, keys [][]byte) {
	_ = eachBlock(rows, func(endpoint string, number uint32, _ []EventRow) error {
		endpoints = append(endpoints, endpoint)
		keys = append(keys, rest(endpoint, blockKey(endpoint, number)))
		return nil
	})
	return endpoints, keys
}
