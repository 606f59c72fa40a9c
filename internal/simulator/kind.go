package simulator

import "math"

// kindTable numbers the event types of an account.
type kindTable struct {
	names   []string
	numbers map[string]uint16
}

// number returns the number of a type, and adds it if needed.
func (t *kindTable) number(name string) uint16 {
	n, ok := t.numbers[name]
	if !ok {
		if t.numbers == nil {
			t.numbers = make(map[string]uint16)
		}
		if len(t.names) > math.MaxUint16 {
			panic("simulator: more than 65,536 event types")
		}
		n = uint16(len(t.names))
		t.names = append(t.names, name)
		t.numbers[name] = n
	}
	return n
}
