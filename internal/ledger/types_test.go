package ledger

import (
	"slices"
	"testing"
)

// States store types by number. Each number keeps its name, whatever types the API documents
// later, even if the account has admitted one of these.
func TestTypesKeepTheirNumbers(t *testing.T) {
	t.Parallel()
	admitted := []string{"video.odd", "live.started"}
	want := []string{
		"video.uploaded", "video.ready_for_processing", "video.in_progress", "video.completed_processing",
		"video.process_failed", "video.process_succeeded", "video.ready_to_watch", "video.deleted",
		"video.failed_to_delete", "video.deletion_reverted", "unknown", "other", "video.odd", "live.started",
	}
	for _, later := range [][]string{nil, {"video.archived"}, {"live.started", "video.archived"}} {
		types := newTypes(admitted, later)
		var got []string
		for id := range TypeID(len(want)) {
			if types.has(id) {
				got = append(got, types.name(id))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("with %q documented later the state's types are %q, want %q", later, got, want)
		}
		for _, name := range slices.Concat(want, later) {
			if id, grew := types.resolve(name); grew || types.name(id) != name || id >= 32 != (slices.Contains(later, name) && name != "live.started") {
				t.Errorf("with %q documented later, %q has number %d, grew %v", later, name, id, grew)
			}
		}
		if id, grew := types.resolve("video.new"); !grew || id != 14 || !slices.Equal(types.rows(), []string{"video.odd", "live.started", "video.new"}) {
			t.Errorf("with %q documented later, a new type has number %d, %q are admitted", later, id, types.rows())
		}
	}
}
