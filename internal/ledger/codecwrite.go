package ledger

import "encoding/json"

// Records are a store's records while a batch is written.
type Records interface {
	// Get returns a record as it is, nil where there is none. It is asked of events only.
	Get(kind RecordKind, key []byte) []byte

	Put(kind RecordKind, key, record []byte) error
	Delete(kind RecordKind, key []byte) error
}

// Where the record of the account is, as its checksum has it in it. Neither must be changed.
var (
	AboutBucket = []byte("meta")
	AccountKey  = []byte("account")
)

// EncodeAccount returns the record of the account.
func EncodeAccount(row *AccountRow) ([]byte, error) {
	payload, err := json.Marshal(row)
	if err != nil {
		return nil, err
	}
	return Seal(AboutBucket, AccountKey, payload), nil
}

// WriteRecords writes the rows of a batch. The account's, and the endpoints that the batch
// drops, are left to the store. The rows of events are sorted by it.
func WriteRecords(b *Batch, into Records) error {
	w := recordWriter{into}
	for _, r := range b.Endpoints {
		if err := w.putJSON(RecordEndpoint, []byte(r.ID), r); err != nil {
			return err
		}
	}
	for _, r := range b.Latencies {
		if err := w.putJSON(RecordLatency, []byte(r.Endpoint), r); err != nil {
			return err
		}
	}
	for _, r := range b.Series {
		if err := w.counter(r); err != nil {
			return err
		}
	}
	if err := eachBlock(b.Events, w.block); err != nil {
		return err
	}
	for _, r := range b.Failures {
		if err := w.failure(r); err != nil {
			return err
		}
	}
	for i := range b.Traces {
		if err := w.trace(&b.Traces[i]); err != nil {
			return err
		}
	}
	return nil
}

type recordWriter struct{ into Records }

func (w recordWriter) put(kind RecordKind, key, payload []byte) error {
	return w.into.Put(kind, key, Seal(kind.Bucket(), key, payload))
}

func (w recordWriter) putJSON(kind RecordKind, key []byte, row any) error {
	payload, err := json.Marshal(row)
	if err != nil {
		return err
	}
	return w.put(kind, key, payload)
}

func (w recordWriter) counter(r SeriesRow) error {
	payload, err := encodeSeries(r)
	if err != nil {
		return err
	}
	return w.put(RecordCounter, seriesKey(r), payload)
}

// block rewrites the record that rows of events are in.
func (w recordWriter) block(endpoint string, number uint32, rows []EventRow) error {
	var bl block
	key := blockKey(endpoint, number)
	if record := w.into.Get(RecordEvents, key); record != nil {
		payload, err := Unseal(RecordEvents.Bucket(), key, record)
		if err != nil {
			return err
		}
		if err := decodeBlock(endpoint, number, payload, &bl); err != nil {
			return err
		}
	}
	bl.put(rows)
	if bl.empty() {
		return w.into.Delete(RecordEvents, key)
	}
	return w.put(RecordEvents, key, bl.encode())
}

func (w recordWriter) failure(r FailureRow) error {
	if r.Failure == nil {
		return w.into.Delete(RecordFailure, failureKey(r))
	}
	payload, err := encodeFailure(r)
	if err != nil {
		return err
	}
	return w.put(RecordFailure, failureKey(r), payload)
}

func (w recordWriter) trace(r *TraceRow) error {
	if r.Gone {
		return w.into.Delete(RecordTrace, traceKey(r))
	}
	return w.put(RecordTrace, traceKey(r), encodeTrace(r))
}

// EventKeys returns the keys of the records of events that a batch changes in part: those
// that WriteRecords asks for. The rows are sorted by it.
func EventKeys(rows []EventRow) (keys [][]byte) {
	_ = eachBlock(rows, func(endpoint string, number uint32, _ []EventRow) error {
		keys = append(keys, blockKey(endpoint, number))
		return nil
	})
	return keys
}
