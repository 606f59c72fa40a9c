package ledger

import "testing"

// If the leader counts an event that was history, a follower shows it as the oldest one
// without a detail, like the leader.
func TestFollowerSeesHistoryBecomeNew(t *testing.T) {
	t.Parallel()
	a := account(t, "ep")
	e := a.endpoints["ep"]
	row := EventRow{Endpoint: "ep", Event: Event{Key: KeyOf([]byte(hexID(1))), Time: epoch.Unix(), Stage: Listed, Flags: History, Type: a.resolveType(failed)}}
	for _, flags := range []Flag{History, 0} {
		row.Event.Flags = flags
		if err := e.events.follow([]EventRow{row}); err != nil {
			t.Fatal(err)
		}
		want := epoch.Unix()
		if flags == History {
			want = 0
		}
		if got := e.show(epoch).OldestUnfetched; got != want {
			t.Errorf("with flags %v the oldest event without a detail is from %d, want %d", flags, got, want)
		}
	}
}
