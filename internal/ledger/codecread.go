package ledger

import "fmt"

// DecodeAccount returns what the record of the account holds.
func DecodeAccount(record []byte) (row AccountRow, err error) {
	payload, err := Unseal(AboutBucket, AccountKey, record)
	if err == nil {
		err = decodeJSON(payload, &row)
	}
	return row, err
}

// RecordReader hands over what records hold. It must not be copied.
type RecordReader struct {
	Rows Rows
	Free bool // hands over free slots, too: who follows must learn of them

	block block
}

// Record hands over what a record holds.
func (r *RecordReader) Record(kind RecordKind, key, record []byte) error {
	payload, err := Unseal(kind.Bucket(), key, record)
	if err != nil {
		return err
	}
	switch kind {
	case RecordEndpoint:
		return readJSON(payload, func(row EndpointRow) error {
			row.ID = string(key)
			return r.Rows.Endpoint(row)
		})
	case RecordCounter:
		return hand(key, payload, decodeSeries, r.Rows.Series)
	case RecordLatency:
		return readJSON(payload, func(row LatencyRow) error {
			row.Endpoint = string(key)
			return r.Rows.Latency(row)
		})
	case RecordEvents:
		return r.events(key, payload)
	case RecordFailure:
		return hand(key, payload, decodeFailure, r.Rows.Failure)
	case RecordTrace:
		return hand(key, payload, decodeTrace, r.Rows.Trace)
	}
	return fmt.Errorf("%w: a record of kind %d", ErrUnreadable, kind)
}

// Deleted hands over that a record was deleted. Where only a whole endpoint takes such a
// record with it, it returns an error that wraps [ErrOvertaken].
func (r *RecordReader) Deleted(kind RecordKind, key []byte) error {
	switch kind { //nolint:exhaustive // the others go with their endpoint
	case RecordEvents:
		return r.events(key, nil)
	case RecordFailure:
		row, err := failureAt(key)
		if err != nil {
			return err
		}
		return r.Rows.Failure(row)
	case RecordTrace:
		row, err := traceAt(key)
		if err != nil {
			return err
		}
		row.Gone = true
		return r.Rows.Trace(row)
	}
	return fmt.Errorf("%w: a record of kind %d was deleted", ErrOvertaken, kind)
}

func (r *RecordReader) events(key, payload []byte) error {
	if err := readBlock(key, payload, &r.block); err != nil {
		return err
	}
	for i := range r.block {
		if r.block[i].Event.State == Free && !r.Free {
			continue
		}
		if err := r.Rows.Event(r.block[i]); err != nil {
			return err
		}
	}
	return nil
}

func hand[Row any](key, payload []byte, decode func(key, payload []byte) (Row, error), to func(Row) error) error {
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
