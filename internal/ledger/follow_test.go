package ledger

import "testing"

// The leader makes contact, and an event that was history counts. A replica that follows
// shows it as the oldest one without its detail, as the leader does.
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
			t.Errorf("with the flags %v the oldest event without its detail is of %d, want %d", flags, got, want)
		}
	}
}
