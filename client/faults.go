package client

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Faults counts the unusable elements of a list by their first missing or wrong member. Nil
// means none.
type Faults map[string]int

// notObject is the key in Faults for elements that are not objects.
const notObject = ""

// Total returns the number of unusable elements.
func (f Faults) Total() (n int) {
	for _, elements := range f {
		n += elements
	}
	return n
}

// String returns a phrase like `1 is not an object, 3 have no usable "id"`.
func (f Faults) String() string {
	var phrases []string
	for _, member := range slices.Sorted(maps.Keys(f)) {
		if member == notObject {
			phrases = append(phrases, phrase(f[member], "is not an object", "are not objects"))
		} else {
			phrases = append(phrases, phrase(f[member], "has", "have")+fmt.Sprintf(" no usable %q", member))
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

// check returns an error if a list has elements but none is usable: then the API has changed,
// and the list says nothing.
func (f Faults) check(usable int) error {
	if usable > 0 || len(f) == 0 {
		return nil
	}
	return fmt.Errorf("%w: none of its %d elements is usable: %v", ErrBadPayload, f.Total(), f)
}

// phrase returns a number of elements and a verb.
func phrase(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
