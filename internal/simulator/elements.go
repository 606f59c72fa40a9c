package simulator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Omit omits the elements for which fn returns true. i is the index of the element, id is the
// event's or endpoint's.
func Omit(fn func(i int, id string) bool) Effect {
	return Effect{list: func(list items) items {
		return func(yield func(item) bool) {
			i := 0
			for it := range list {
				if !fn(i, it.id) && !yield(it) {
					return
				}
				i++
			}
		}
	}}
}

// OldestFirst reverses a list.
func OldestFirst() Effect {
	return reordered(slices.Reverse[[]item])
}

// Shuffle shuffles a list, depending on the seed.
func Shuffle(seed uint64) Effect {
	return reordered(func(all []item) {
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	})
}

// reordered is an effect on the order of the whole list.
func reordered(order func([]item)) Effect {
	return Effect{list: func(list items) items {
		return func(yield func(item) bool) {
			all := slices.Collect(list)
			order(all)
			for _, it := range all {
				if !yield(it) {
					return
				}
			}
		}
	}}
}

// Repeat gives every element of a list n times in a row.
func Repeat(n int) Effect {
	return Effect{list: func(list items) items {
		return func(yield func(item) bool) {
			for it := range list {
				for range n {
					if !yield(it) {
						return
					}
				}
			}
		}
	}}
}

// Endless continues a list with invented events, each a second older than the previous one,
// until the client disconnects.
func Endless() Effect {
	return Effect{list: func(list items) items {
		return func(yield func(item) bool) {
			v := view{eventType: EventTypes[0], response: "null", at: time.Now()}
			for it := range list {
				if it.view != nil {
					v = *it.view
				}
				if !yield(it) {
					return
				}
			}
			for i := int64(1); ; i++ {
				older := v
				older.created = fmt.Sprint(max(1, v.at.Unix()-i))
				older.id = fmt.Sprintf("%024x", i)
				if !yield(item{id: older.id, view: &older}) {
					return
				}
			}
		}
	}}
}

// Inject inserts raw JSON as the i-th element of a list, or at its end if it is shorter.
func Inject(i int, raw string) Effect {
	return Effect{list: func(list items) items {
		return func(yield func(item) bool) {
			n := 0
			for it := range list {
				if n == i && !yield(item{raw: []byte(raw)}) {
					return
				}
				n++
				if !yield(it) {
					return
				}
			}
			if n <= i {
				yield(item{raw: []byte(raw)})
			}
		}
	}}
}

// ID gives events another id, in lists and in details.
func ID(id string) Effect {
	return Effect{each: func(v *view) { v.id = id }}
}

// Type gives events another type; it can be invalid UTF-8.
func Type(eventType string) Effect {
	return Effect{each: func(v *view) { v.eventType = eventType }}
}

// Created gives events another raw JSON value under "created", or none with Absent.
func Created(raw string) Effect {
	return Effect{each: func(v *view) { v.created = raw }}
}

// Response gives events another raw JSON value under "response", or none with Absent.
func Response(raw string) Effect {
	return Effect{each: func(v *view) { v.response = raw }}
}

// Extra gives events one more member; value is raw JSON.
func Extra(key, value string) Effect {
	return Effect{each: func(v *view) {
		v.extra += "," + string(appendString(nil, key)) + ":" + value
	}}
}
