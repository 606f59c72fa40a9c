package ledger

import (
	"slices"
	"testing"
)

// The number of a type stands in every state: what a state was written with it keeps
// its name, whatever types the API documents later, be it that the account has such a
// one admitted.
func TestTypesKeepTheirNumbers(t *testing.T) {
	t.Parallel()
	var state Batch
	f := NewFile(copyOfGolden(t))
	if err := f.Load(t.Context(), Gather(&state)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"video.uploaded", "video.ready_for_processing", "video.in_progress", "video.completed_processing",
		"video.process_failed", "video.process_succeeded", "video.ready_to_watch", "video.deleted",
		"video.failed_to_delete", "video.deletion_reverted", "unknown", "other", "video.odd", "live.started",
	}
	for _, later := range [][]string{nil, {"video.archived"}, {"live.started", "video.archived"}} {
		types := newTypes(state.Account.Types, later)
		var got []string
		for _, s := range state.Series {
			if s.Key.Kind == CountEvents && types.has(s.Key.Type) {
				got = append(got, types.name(s.Key.Type))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("with %q documented later the state's types are %q, want %q", later, got, want)
		}
		for _, name := range slices.Concat(want, later) {
			if id, grew := types.resolve(name); grew || types.name(id) != name || id >= 32 != (slices.Contains(later, name) && name != "live.started") {
				t.Errorf("with %q documented later %q has number %d, grew %v", later, name, id, grew)
			}
		}
		if id, grew := types.resolve("video.new"); !grew || id != 14 || !slices.Equal(types.rows(), []string{"video.odd", "live.started", "video.new"}) {
			t.Errorf("with %q documented later a new type has number %d, %q are admitted", later, id, types.rows())
		}
	}
}
