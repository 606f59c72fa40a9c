package ledger

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Few and many rows are sorted with different algorithms, both of them stable.
func TestSortRanked(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		time := rapid.OneOf(
			rapid.Int64Range(1_700_000_000, 1_700_000_100),
			rapid.Int64Range(1_700_000_000, 1_700_000_000+31*24*3600),
			rapid.Int64(), // the whole range
		)
		some := rapid.SliceOfN(time, 1, 40).Draw(t, "times")
		n := rapid.SampledFrom([]int{1, 40, fewRows - 1, fewRows, 3 * fewRows}).Draw(t, "rows")
		rows := make([]ranked, n)
		for i := range rows {
			rows[i] = ranked{at: some[(i*i+i/7)%len(some)], slot: slot(i)}
		}
		want := slices.Clone(rows)
		slices.SortStableFunc(want, func(a, b ranked) int { return cmp.Compare(a.at, b.at) })
		if got := sortRanked(rows); !slices.Equal(got, want) {
			t.Fatalf("%d rows are not in order", n)
		}
	})
}

// Slots are ordered by creation, and within a second by key, whatever the order of insertion.
func TestOrderOfManySlots(t *testing.T) {
	t.Parallel()
	s := newTable(0)
	o := order{table: &s}
	for round := range 3 {
		for n := range 2 * fewRows {
			id := n*7919%(2*fewRows) + round*2*fewRows
			o.add(s.insert(Event{Key: KeyOf([]byte(hexID(id))), Time: int64(id * 31 % 97), Stage: Listed}))
		}
		slots := o.slots()
		if len(slots) != s.len() {
			t.Fatalf("%d slots, want %d", len(slots), s.len())
		}
		for i := 1; i < len(slots); i++ {
			if s.at(slots[i-1]).position().compare(s.at(slots[i]).position()) >= 0 {
				t.Fatalf("slot %d of %d is out of order", i, len(slots))
			}
		}
	}
}
