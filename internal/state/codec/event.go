package codec

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"omegastream_exporter/internal/ledger"
)

// blockEvents is how many neighbouring slots share a record: few enough that a change
// rewrites little, and enough that a million events load quickly.
const blockEvents = 16

func blockKey(endpoint string, block uint32) []byte {
	return binary.BigEndian.AppendUint32(Prefix(endpoint), block)
}

// block is a record of neighbouring slots. A Free row is an empty slot.
type block [blockEvents]ledger.EventRow

// encode returns the block's payload: which slots are used, then each event.
func (bl *block) encode() []byte {
	var b []byte
	var used uint16
	for i := range bl {
		if bl[i].Event.Stage != ledger.Free {
			used |= 1 << i
		}
	}
	b = binary.BigEndian.AppendUint16(b, used)
	for i := range bl {
		if bl[i].Event.Stage != ledger.Free {
			b = appendEvent(b, &bl[i])
		}
	}
	return b
}

// empty reports whether no slot is used.
func (bl *block) empty() bool {
	for i := range bl {
		if bl[i].Event.Stage != ledger.Free {
			return false
		}
	}
	return true
}

// eachBlock sorts rows of events, and calls do with those of each block.
func eachBlock(rows []ledger.EventRow, do func(endpoint string, number uint32, rows []ledger.EventRow) error) error {
	slices.SortFunc(rows, func(a, b ledger.EventRow) int {
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
func (bl *block) put(rows []ledger.EventRow) {
	for _, r := range rows {
		bl[r.Slot%blockEvents] = r
	}
}

func appendEvent(b []byte, r *ledger.EventRow) []byte {
	e := &r.Event
	b = append(b, e.Key[:]...)
	b = append(b, byte(e.Stage), byte(e.Reason), e.Tries, byte(e.Flags))
	b = binary.BigEndian.AppendUint16(b, uint16(e.Type))
	b = binary.BigEndian.AppendUint16(b, uint16(e.Code))
	b = binary.AppendVarint(b, e.Time)
	b = binary.AppendVarint(b, e.FirstSeen-e.Time)
	b = binary.AppendVarint(b, e.FirstEmpty)
	b = binary.AppendVarint(b, e.LastAsk)
	if e.Has(ledger.Untrusted) {
		b = binary.AppendVarint(b, r.Relisted)
	}
	if e.Key.Hashed() {
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
		return fmt.Errorf("%w: key %q", ledger.ErrUnreadable, key)
	}
	if payload == nil {
		payload = []byte{0, 0}
	}
	return decodeBlock(endpoint, binary.BigEndian.Uint32(rest), payload, bl)
}

// decodeBlock reads the payload of a record of events.
func decodeBlock(endpoint string, number uint32, payload []byte, bl *block) error {
	if len(payload) < 2 || number >= ledger.MaxSlots/blockEvents {
		return fmt.Errorf("%w: %w", ledger.ErrUnreadable, errBlock)
	}
	used, rest := binary.BigEndian.Uint16(payload), payload[2:]
	for i := range bl {
		bl[i] = ledger.EventRow{Endpoint: endpoint, Slot: number*blockEvents + uint32(i)}
		if used&(1<<i) == 0 {
			continue
		}
		var ok bool
		if rest, ok = cutEvent(rest, &bl[i]); !ok {
			return fmt.Errorf("%w: %w", ledger.ErrUnreadable, errBlock)
		}
	}
	if len(rest) > 0 {
		return fmt.Errorf("%w: %d bytes after an event record", ledger.ErrUnreadable, len(rest))
	}
	return nil
}

// cutEvent reads one event, and returns the rest.
func cutEvent(b []byte, r *ledger.EventRow) ([]byte, bool) {
	if len(b) < eventFixed {
		return nil, false
	}
	e := &r.Event
	copy(e.Key[:], b)
	e.Stage, e.Reason, e.Tries, e.Flags = ledger.Stage(b[16]), ledger.Reason(b[17]), b[18], ledger.Flag(b[19])
	e.Type, e.Code = ledger.TypeID(binary.BigEndian.Uint16(b[20:])), ledger.Code(binary.BigEndian.Uint16(b[22:]))
	b = b[eventFixed:]
	times := []*int64{&e.Time, &e.FirstSeen, &e.FirstEmpty, &e.LastAsk, &r.Relisted}
	if !e.Has(ledger.Untrusted) {
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
	if e.Key.Hashed() {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return nil, false
		}
		r.ID, b = string(b[n:n+int(size)]), b[n+int(size):]
	}
	return b, e.Stage != ledger.Free
}
