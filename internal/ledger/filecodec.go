package ledger

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"time"
)

// blockEvents is how many neighbouring slots share a record: few enough that
// changing one rewrites little, enough that a million are read quickly.
const blockEvents = 16

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const sealLen = 4

// seal appends the checksum of a record: it covers the bucket and the key too, so
// that no record can stand in another's place.
func seal(bucket, key, payload []byte) []byte {
	return binary.BigEndian.AppendUint32(payload, recordSum(bucket, key, payload))
}

// unseal returns the payload of a record and its checksum.
func unseal(bucket, key, record []byte) (payload []byte, sum uint32, err error) {
	if len(record) < sealLen {
		return nil, 0, fmt.Errorf("%w: record %s/%q is cut", ErrUnreadable, bucket, key)
	}
	payload, tail := record[:len(record)-sealLen], record[len(record)-sealLen:]
	sum = binary.BigEndian.Uint32(tail)
	if sum != recordSum(bucket, key, payload) {
		return nil, 0, fmt.Errorf("%w: checksum of record %s/%q", ErrUnreadable, bucket, key)
	}
	return payload, sum, nil
}

func recordSum(bucket, key, payload []byte) uint32 {
	sum := crc32.Update(0, castagnoli, bucket)
	sum = crc32.Update(sum, castagnoli, key)
	return crc32.Update(sum, castagnoli, payload)
}

// Keys begin with the endpoint's id and a zero byte, which no id contains.

func endpointPrefix(id string) []byte { return append([]byte(id), 0) }

func splitKey(key []byte) (endpoint string, rest []byte, err error) {
	id, tail, ok := strings.Cut(string(key), "\x00")
	if !ok {
		return "", nil, fmt.Errorf("%w: key %q", ErrUnreadable, key)
	}
	return id, []byte(tail), nil
}

func blockKey(endpoint string, block uint32) []byte {
	return binary.BigEndian.AppendUint32(endpointPrefix(endpoint), block)
}

func seriesKey(r SeriesRow) []byte {
	k := append(endpointPrefix(r.Endpoint), byte(r.Key.Kind))
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

func decodeJSON(payload []byte, v any) error {
	if err := json.Unmarshal(payload, v); err != nil {
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return nil
}

// block is a record of neighbouring slots. A row in state Free is an empty slot.
type block [blockEvents]EventRow

// encode returns the block's payload: which slots are used, then each event.
func (bl *block) encode() []byte {
	var b []byte
	var used uint16
	for i := range bl {
		if bl[i].Event.State != Free {
			used |= 1 << i
		}
	}
	b = binary.BigEndian.AppendUint16(b, used)
	for i := range bl {
		if bl[i].Event.State != Free {
			b = appendEvent(b, &bl[i])
		}
	}
	return b
}

// empty reports whether no slot is used.
func (bl *block) empty() bool {
	for i := range bl {
		if bl[i].Event.State != Free {
			return false
		}
	}
	return true
}

// eachBlock sorts rows of events and calls do with those of each block.
func eachBlock(rows []EventRow, do func(endpoint string, number uint32, rows []EventRow) error) error {
	slices.SortFunc(rows, func(a, b EventRow) int {
		return cmp.Or(cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Slot, b.Slot))
	})
	for len(rows) > 0 {
		endpoint, number := rows[0].Endpoint, rows[0].Slot/blockEvents
		n := 1
		for n < len(rows) && rows[n].Endpoint == endpoint && rows[n].Slot/blockEvents == number {
			n++
		}
		if err := do(endpoint, number, rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// put puts the rows of one block into their places.
func (bl *block) put(rows []EventRow) {
	for _, r := range rows {
		bl[r.Slot%blockEvents] = r
	}
}

func appendEvent(b []byte, r *EventRow) []byte {
	e := &r.Event
	b = append(b, e.Key[:]...)
	b = append(b, byte(e.State), byte(e.Reason), e.Tries, byte(e.Flags))
	b = binary.BigEndian.AppendUint16(b, uint16(e.Type))
	b = binary.BigEndian.AppendUint16(b, uint16(e.Code))
	b = binary.AppendVarint(b, e.Time)
	b = binary.AppendVarint(b, e.FirstSeen-e.Time)
	b = binary.AppendVarint(b, e.FirstEmpty)
	b = binary.AppendVarint(b, e.LastAsk)
	if e.Has(Untrusted) {
		b = binary.AppendVarint(b, r.Relisted)
	}
	if e.Key.hashed() {
		b = binary.AppendUvarint(b, uint64(len(r.ID)))
		b = append(b, r.ID...)
	}
	return b
}

const eventFixed = 16 + 4 + 4

var errBlock = errors.New("event record is cut")

// readBlock reads a record of events. A nil payload is a record of free slots.
func readBlock(key, payload []byte, bl *block) error {
	endpoint, rest, err := splitKey(key)
	if err != nil {
		return err
	}
	if len(rest) != 4 {
		return fmt.Errorf("%w: key %q", ErrUnreadable, key)
	}
	if payload == nil {
		payload = []byte{0, 0}
	}
	return decodeBlock(endpoint, binary.BigEndian.Uint32(rest), payload, bl)
}

// decodeBlock reads the payload of a record of events.
func decodeBlock(endpoint string, number uint32, payload []byte, bl *block) error {
	if len(payload) < 2 || number >= maxSlots/blockEvents {
		return fmt.Errorf("%w: %w", ErrUnreadable, errBlock)
	}
	used, rest := binary.BigEndian.Uint16(payload), payload[2:]
	for i := range bl {
		bl[i] = EventRow{Endpoint: endpoint, Slot: number*blockEvents + uint32(i)}
		if used&(1<<i) == 0 {
			continue
		}
		var ok bool
		if rest, ok = cutEvent(rest, &bl[i]); !ok {
			return fmt.Errorf("%w: %w", ErrUnreadable, errBlock)
		}
	}
	if len(rest) > 0 {
		return fmt.Errorf("%w: %d bytes after an event record", ErrUnreadable, len(rest))
	}
	return nil
}

// cutEvent reads one event and returns what follows it.
func cutEvent(b []byte, r *EventRow) ([]byte, bool) {
	if len(b) < eventFixed {
		return nil, false
	}
	e := &r.Event
	copy(e.Key[:], b)
	e.State, e.Reason, e.Tries, e.Flags = State(b[16]), Reason(b[17]), b[18], Flag(b[19])
	e.Type, e.Code = TypeID(binary.BigEndian.Uint16(b[20:])), Code(binary.BigEndian.Uint16(b[22:]))
	b = b[eventFixed:]
	times := []*int64{&e.Time, &e.FirstSeen, &e.FirstEmpty, &e.LastAsk, &r.Relisted}
	if !e.Has(Untrusted) {
		times = times[:4]
	}
	for _, t := range times {
		v, n := binary.Varint(b)
		if n <= 0 {
			return nil, false
		}
		*t, b = v, b[n:]
	}
	e.FirstSeen += e.Time
	if e.Key.hashed() {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return nil, false
		}
		r.ID, b = string(b[n:n+int(size)]), b[n+int(size):]
	}
	return b, e.State != Free
}
