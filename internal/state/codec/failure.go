package codec

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"omegastream_exporter/internal/ledger"
)

func failureKey(r ledger.FailureRow) []byte { return placeKey(r.Endpoint, r.Time, r.Key) }

func placeKey(endpoint string, created int64, event ledger.Key) []byte {
	k := binary.BigEndian.AppendUint64(Prefix(endpoint), uint64(created))
	return append(k, event[:]...)
}

// failureValue is the payload of a failure's record. The id is bytes, because JSON only takes
// UTF-8.
type failureValue struct {
	ID []byte `json:"id,omitempty"` // of a hashed key
	*ledger.Failure
}

func encodeFailure(r ledger.FailureRow) ([]byte, error) {
	v := failureValue{Failure: r.Failure}
	if r.Key.Hashed() {
		v.ID = []byte(r.Failure.EventID)
	}
	return json.Marshal(v)
}

func decodeFailure(key, payload []byte) (ledger.FailureRow, error) {
	r, err := failureAt(key)
	if err != nil {
		return r, err
	}
	r.Failure = new(ledger.Failure)
	v := failureValue{Failure: r.Failure}
	if err := decodeJSON(payload, &v); err != nil {
		return r, err
	}
	if r.Failure.EventID = string(v.ID); !r.Key.Hashed() {
		r.Failure.EventID = r.Key.PlainID()
	}
	return r, nil
}

// failureAt returns the row of a key, without its failure.
func failureAt(key []byte) (ledger.FailureRow, error) {
	endpoint, rest, err := splitKey(key)
	r := ledger.FailureRow{Endpoint: endpoint}
	if err != nil {
		return r, err
	}
	if len(rest) != 8+len(r.Key) {
		return r, fmt.Errorf("%w: key %q", ledger.ErrUnreadable, key)
	}
	r.Time = int64(binary.BigEndian.Uint64(rest))
	copy(r.Key[:], rest[8:])
	return r, nil
}
