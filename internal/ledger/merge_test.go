package ledger

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMergeAccount(t *testing.T) {
	t.Parallel()
	early, late := epoch, epoch.Add(time.Hour)
	base := AccountRow{APIURL: testURL, CompanyID: "co", Created: early, FoldedTypes: 5, Types: []string{"a"}, LastSync: early}
	change := func(f func(*AccountRow)) AccountRow {
		r := base.clone()
		f(&r)
		return r
	}
	for name, row := range map[string]struct {
		ours, theirs, want AccountRow
		err                error
	}{
		"nothing": {ours: base, theirs: base, want: base},
		"both counted": {
			ours:   change(func(r *AccountRow) { r.FoldedTypes = 7 }),
			theirs: change(func(r *AccountRow) { r.FoldedTypes = 8 }),
			want:   change(func(r *AccountRow) { r.FoldedTypes = 10 }),
		},
		"the later time": {
			ours:   change(func(r *AccountRow) { r.LastSync, r.LastListing = late, early }),
			theirs: change(func(r *AccountRow) { r.LastListing = late }),
			want:   change(func(r *AccountRow) { r.LastSync, r.LastListing = late, late }),
		},
		"the same type": {
			ours:   change(func(r *AccountRow) { r.Types = []string{"a", "b"} }),
			theirs: change(func(r *AccountRow) { r.Types = []string{"a", "b", "c"} }),
			want:   change(func(r *AccountRow) { r.Types = []string{"a", "b", "c"} }),
		},
		"a type of ours": {
			ours:   change(func(r *AccountRow) { r.Types = []string{"a", "b"} }),
			theirs: base,
			want:   change(func(r *AccountRow) { r.Types = []string{"a", "b"} }),
		},
		"two types with one number": {
			ours:   change(func(r *AccountRow) { r.Types = []string{"a", "b"} }),
			theirs: change(func(r *AccountRow) { r.Types = []string{"a", "c"} }),
			err:    ErrOvertaken,
		},
		"fewer types than before": {ours: base, theirs: change(func(r *AccountRow) { r.Types = nil }), err: ErrOvertaken},
		"company": {
			ours:   change(func(r *AccountRow) { r.CompanyID = "new" }),
			theirs: base,
			want:   change(func(r *AccountRow) { r.CompanyID = "new" }),
		},
		"reset": {
			ours:   change(func(r *AccountRow) { r.Era, r.FoldedTypes, r.Created = 1, 0, late }),
			theirs: change(func(r *AccountRow) { r.FoldedTypes = 9 }),
			want:   change(func(r *AccountRow) { r.Era, r.FoldedTypes, r.Created = 1, 0, late }),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := mergeAccount(base, row.ours, row.theirs)
			if !errors.Is(err, row.err) {
				t.Fatalf("%v, want %v", err, row.err)
			}
			if diff := cmp.Diff(row.want, got); err == nil && diff != "" {
				t.Error(diff)
			}
		})
	}
}
