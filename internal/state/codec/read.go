package codec

import (
	"fmt"

	"omegastream_exporter/internal/ledger"
)

// DecodeAccount decodes the record of the account.
func DecodeAccount(record []byte) (row ledger.AccountRow, err error) {
	payload, err := Unseal(AboutBucket, AccountKey, record)
	if err == nil {
		err = decodeJSON(payload, &row)
	}
	return row, err
}

// Reader delivers what records contain. It must not be copied.
type Reader struct {
	Rows ledger.Rows
	Free bool // deliver free slots too, as followers must learn of them

	block block
}

// Record delivers what a record contains.
func (r *Reader) Record(kind Kind, key, record []byte) error {
	payload, err := Unseal(kind.Bucket(), key, record)
	if err != nil {
		return err
	}
	switch kind { //nolint:exhaustive // Kinds is not a kind
	case Endpoint:
		return readJSON(payload, func(row ledger.EndpointRow) error {
			row.ID = string(key)
			return r.Rows.Endpoint(row)
		})
	case Counter:
		return deliver(key, payload, decodeCounter, r.Rows.Counter)
	case Latency:
		return readJSON(payload, func(row ledger.LatencyRow) error {
			row.Endpoint = string(key)
			return r.Rows.Latency(row)
		})
	case Events:
		return r.events(key, payload)
	case Failure:
		return deliver(key, payload, decodeFailure, r.Rows.Failure)
	case Trace:
		return deliver(key, payload, decodeTrace, r.Rows.Trace)
	}
	return fmt.Errorf("%w: a record of kind %d", ledger.ErrUnreadable, kind)
}

// Deleted delivers that a record was deleted. If a record is only ever deleted with its whole
// endpoint, it returns an error that wraps [ledger.ErrOvertaken].
func (r *Reader) Deleted(kind Kind, key []byte) error {
	switch kind { //nolint:exhaustive // others are deleted with their endpoint
	case Events:
		return r.events(key, nil)
	case Failure:
		row, err := failureAt(key)
		if err != nil {
			return err
		}
		return r.Rows.Failure(row)
	case Trace:
		row, err := traceAt(key)
		if err != nil {
			return err
		}
		row.Gone = true
		return r.Rows.Trace(row)
	}
	return fmt.Errorf("%w: a record of kind %d was deleted", ledger.ErrOvertaken, kind)
}

func (r *Reader) events(key, payload []byte) error {
	if err := readBlock(key, payload, &r.block); err != nil {
		return err
	}
	for i := range r.block {
		if r.block[i].Event.Stage == ledger.Free && !r.Free {
			continue
		}
		if err := r.Rows.Event(r.block[i]); err != nil {
			return err
		}
	}
	return nil
}

func deliver[Row any](key, payload []byte, decode func(key, payload []byte) (Row, error), to func(Row) error) error {
	row, err := decode(key, payload)
	if err != nil {
		return err
	}
	return to(row)
}

func readJSON[Row any](payload []byte, to func(Row) error) error {
	var row Row
	if err := decodeJSON(payload, &row); err != nil {
		return err
	}
	return to(row)
}
