package codec

import (
	"encoding/json"

	"omegastream_exporter/internal/ledger"
)

// Records are a store's records while a batch is written.
type Records interface {
	// Get returns a stored record; nil if there is none. Only events need it.
	Get(kind Kind, key []byte) []byte

	Put(kind Kind, key, record []byte) error
	Delete(kind Kind, key []byte) error
}

// The place of the account's record, as used in its checksum. Neither must be changed.
var (
	AboutBucket = []byte("meta")
	AccountKey  = []byte("account")
)

// EncodeAccount returns the record of the account.
func EncodeAccount(row *ledger.AccountRow) ([]byte, error) {
	payload, err := json.Marshal(row)
	if err != nil {
		return nil, err
	}
	return Seal(AboutBucket, AccountKey, payload), nil
}

// Write writes the rows of a batch. It leaves the account's row and dropped endpoints to the
// store. It sorts the rows of events.
func Write(b *ledger.Batch, into Records) error {
	w := writer{into}
	for _, r := range b.Endpoints {
		if err := w.putJSON(Endpoint, []byte(r.ID), r); err != nil {
			return err
		}
	}
	for _, r := range b.Latencies {
		if err := w.putJSON(Latency, []byte(r.Endpoint), r); err != nil {
			return err
		}
	}
	for _, r := range b.Counters {
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

type writer struct{ into Records }

func (w writer) put(kind Kind, key, payload []byte) error {
	return w.into.Put(kind, key, Seal(kind.Bucket(), key, payload))
}

func (w writer) putJSON(kind Kind, key []byte, row any) error {
	payload, err := json.Marshal(row)
	if err != nil {
		return err
	}
	return w.put(kind, key, payload)
}

func (w writer) counter(r ledger.CounterRow) error {
	payload, err := encodeCounter(r)
	if err != nil {
		return err
	}
	return w.put(Counter, counterKey(r), payload)
}

// block rewrites the record of rows of events.
func (w writer) block(endpoint string, number uint32, rows []ledger.EventRow) error {
	var bl block
	key := blockKey(endpoint, number)
	if record := w.into.Get(Events, key); record != nil {
		payload, err := Unseal(Events.Bucket(), key, record)
		if err != nil {
			return err
		}
		if err := decodeBlock(endpoint, number, payload, &bl); err != nil {
			return err
		}
	}
	bl.put(rows)
	if bl.empty() {
		return w.into.Delete(Events, key)
	}
	return w.put(Events, key, bl.encode())
}

func (w writer) failure(r ledger.FailureRow) error {
	if r.Failure == nil {
		return w.into.Delete(Failure, failureKey(r))
	}
	payload, err := encodeFailure(r)
	if err != nil {
		return err
	}
	return w.put(Failure, failureKey(r), payload)
}

func (w writer) trace(r *ledger.TraceRow) error {
	if r.Gone {
		return w.into.Delete(Trace, traceKey(r))
	}
	return w.put(Trace, traceKey(r), encodeTrace(r))
}

// EventKeys returns the keys of the records of events that a batch changes in part, which
// Write asks for. It sorts the rows.
func EventKeys(rows []ledger.EventRow) (keys [][]byte) {
	_ = eachBlock(rows, func(endpoint string, number uint32, _ []ledger.EventRow) error {
		keys = append(keys, blockKey(endpoint, number))
		return nil
	})
	return keys
}
