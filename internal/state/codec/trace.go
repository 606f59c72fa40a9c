package codec

import (
	"encoding/binary"
	"fmt"

	"omegastream_exporter/internal/ledger"
)

// encodeTrace returns the payload of a trace's record: which ids of the video are known, the
// code and the reason, the numbers, and the ids.
func encodeTrace(r *ledger.TraceRow) []byte {
	t := &r.Trace
	b := []byte{byte(t.Names), byte(t.Reason)}
	b = binary.BigEndian.AppendUint16(b, uint16(t.Code))
	b = binary.AppendUvarint(b, uint64(t.Asked))
	b = binary.AppendVarint(b, t.Healed)
	if t.Names&ledger.HasID != 0 {
		b = append(b, t.VideoID[:]...)
	}
	if t.Names&ledger.HasUUID != 0 {
		b = append(b, t.VideoUUID[:]...)
	}
	if t.Names&ledger.HasOdd != 0 {
		for _, text := range []string{r.Odd.ID, r.Odd.UUID} {
			b = binary.AppendUvarint(b, uint64(len(text)))
			b = append(b, text...)
		}
	}
	return b
}

func decodeTrace(key, payload []byte) (ledger.TraceRow, error) {
	r, err := traceAt(key)
	if err != nil {
		return r, err
	}
	c := cutter{rest: payload}
	head := c.bytes(4)
	if head == nil {
		return r, fmt.Errorf("%w: trace %q is cut", ledger.ErrUnreadable, key)
	}
	t := &r.Trace
	t.Names, t.Reason, t.Code = ledger.VideoNames(head[0]), ledger.Reason(head[1]), ledger.Code(binary.BigEndian.Uint16(head[2:]))
	t.Asked = uint32(c.uvarint())
	t.Healed = c.varint()
	if t.Names&ledger.HasID != 0 {
		copy(t.VideoID[:], c.bytes(len(t.VideoID)))
	}
	if t.Names&ledger.HasUUID != 0 {
		copy(t.VideoUUID[:], c.bytes(len(t.VideoUUID)))
	}
	if t.Names&ledger.HasOdd != 0 {
		r.Odd.ID = string(c.bytes(int(min(c.uvarint(), ledger.MaxVideo))))
		r.Odd.UUID = string(c.bytes(int(min(c.uvarint(), ledger.MaxVideo))))
	}
	if c.short || len(c.rest) > 0 || !t.Names.Valid() {
		return r, fmt.Errorf("%w: trace %q", ledger.ErrUnreadable, key)
	}
	return r, nil
}

// traceAt returns the row that deletes the trace of a key.
func traceAt(key []byte) (ledger.TraceRow, error) {
	at, err := failureAt(key)
	return ledger.TraceRow{Endpoint: at.Endpoint, Time: at.Time, Key: at.Key}, err
}

func traceKey(r *ledger.TraceRow) []byte { return placeKey(r.Endpoint, r.Time, r.Key) }

// cutter cuts parts off the front of a record. After a missing part, it is short and returns
// nothing.
type cutter struct {
	rest  []byte
	short bool
}

func (c *cutter) bytes(n int) []byte {
	if c.short || n > len(c.rest) {
		c.short = true
		return nil
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	return b
}

func (c *cutter) uvarint() uint64 {
	v, n := binary.Uvarint(c.rest)
	c.skip(n)
	return v
}

func (c *cutter) varint() int64 {
	v, n := binary.Varint(c.rest)
	c.skip(n)
	return v
}

func (c *cutter) skip(n int) {
	if n <= 0 {
		c.short = true
		return
	}
	c.rest = c.rest[n:]
}
