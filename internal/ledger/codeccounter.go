package ledger

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"
)

func seriesKey(r SeriesRow) []byte {
	k := append(Prefix(r.Endpoint), byte(r.Key.Kind))
	k = binary.BigEndian.AppendUint16(k, uint16(r.Key.Type))
	k = binary.BigEndian.AppendUint16(k, uint16(r.Key.Code))
	return append(k, byte(r.Key.Reason))
}

// seriesValue is the payload of a counter's record.
type seriesValue struct {
	Value    uint64    `json:"value"`
	Born     time.Time `json:"born"`
	Released bool      `json:"released"`
	Exemplar *Exemplar `json:"exemplar,omitempty"`
}

func encodeSeries(r SeriesRow) ([]byte, error) {
	v := seriesValue{Value: r.Value, Born: r.Born, Released: r.Released}
	if r.Exemplar != (Exemplar{}) {
		v.Exemplar = &r.Exemplar
	}
	return json.Marshal(v)
}

func decodeSeries(key, payload []byte) (SeriesRow, error) {
	endpoint, rest, err := splitKey(key)
	if err != nil {
		return SeriesRow{}, err
	}
	if len(rest) != 6 {
		return SeriesRow{}, fmt.Errorf("%w: key %q", ErrUnreadable, key)
	}
	r := SeriesRow{Endpoint: endpoint, Key: SeriesKey{
		Kind:   Kind(rest[0]),
		Type:   TypeID(binary.BigEndian.Uint16(rest[1:])),
		Code:   Code(binary.BigEndian.Uint16(rest[3:])),
		Reason: Reason(rest[5]),
	}}
	var v seriesValue
	if err := decodeJSON(payload, &v); err != nil {
		return r, err
	}
	r.Value, r.Born, r.Released = v.Value, v.Born, v.Released
	if v.Exemplar != nil {
		r.Exemplar = *v.Exemplar
	}
	return r, nil
}
