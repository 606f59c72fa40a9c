package client

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Faults counts the elements of a list that cannot be used, by the first member of
// each that is missing or wrong. Nil means that there are none.
type Faults map[string]int

// notObject stands in Faults for elements that have no members at all.
const notObject = ""

// Total returns the number of elements that cannot be used.
func (f Faults) Total() (n int) {
	for _, elements := range f {
		n += elements
	}
	return n
}

// String returns a phrase like `3 have no usable "id"`.
func (f Faults) String() string {
	var phrases []string
	for _, member := range slices.Sorted(maps.Keys(f)) {
		if member == notObject {
			phrases = append(phrases, fmt.Sprintf("%d are no objects", f[member]))
		} else {
			phrases = append(phrases, fmt.Sprintf("%d have no usable %q", f[member], member))
		}
	}
	return strings.Join(phrases, ", ")
}

func (f *Faults) add(member string) {
	if *f == nil {
		*f = Faults{}
	}
	(*f)[member]++
}

// check returns an error where a list has elements and none of them is usable: the API
// speaks another language then, and the list says nothing.
func (f Faults) check(usable int) error {
	if usable > 0 || len(f) == 0 {
		return nil
	}
	return fmt.Errorf("%w: none of its %d elements is usable: %v", ErrBadPayload, f.Total(), f)
}
