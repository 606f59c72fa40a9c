package codec

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"omegastream_exporter/internal/ledger"
)

func counterKey(r ledger.CounterRow) []byte {
	k := append(Prefix(r.Endpoint), byte(r.Key.Kind))
	k = binary.BigEndian.AppendUint16(k, uint16(r.Key.Type))
	k = binary.BigEndian.AppendUint16(k, uint16(r.Key.Code))
	return append(k, byte(r.Key.Reason))
}

// counterValue is the payload of a counter's record.
type counterValue struct {
	Value    uint64           `json:"value"`
	Born     time.Time        `json:"born"`
	Released bool             `json:"released"`
	Exemplar *ledger.Exemplar `json:"exemplar,omitempty"`
}

func encodeCounter(r ledger.CounterRow) ([]byte, error) {
	v := counterValue{Value: r.Value, Born: r.Born, Released: r.Released}
	if r.Exemplar != (ledger.Exemplar{}) {
		v.Exemplar = &r.Exemplar
	}
	return json.Marshal(v)
}

func decodeCounter(key, payload []byte) (ledger.CounterRow, error) {
	endpoint, rest, err := splitKey(key)
	if err != nil {
		return ledger.CounterRow{}, err
	}
	if len(rest) != 6 {
		return ledger.CounterRow{}, fmt.Errorf("%w: key %q", ledger.ErrUnreadable, key)
	}
	r := ledger.CounterRow{Endpoint: endpoint, Key: ledger.CounterKey{
		Kind:   ledger.CounterKind(rest[0]),
		Type:   ledger.TypeID(binary.BigEndian.Uint16(rest[1:])),
		Code:   ledger.Code(binary.BigEndian.Uint16(rest[3:])),
		Reason: ledger.Reason(rest[5]),
	}}
	var v counterValue
	if err := decodeJSON(payload, &v); err != nil {
		return r, err
	}
	r.Value, r.Born, r.Released = v.Value, v.Born, v.Released
	if v.Exemplar != nil {
		r.Exemplar = *v.Exemplar
	}
	return r, nil
}
