package syncer

import (
	"testing"
	"time"
)

// The replicas together ask for the account's endpoints once a minute. A replica whose own
// ask failed does not rely on another's.
func TestListingOfAnotherReplica(t *testing.T) {
	t.Parallel()
	epoch := time.Unix(1_700_000_000, 0)
	for _, row := range []struct {
		name string
		ok   bool // the replica's own last ask
		due  time.Duration
	}{
		{"answered", true, 110 * time.Second},
		{"failed", false, time.Minute},
	} {
		l := newListing(Options{MinInterval: 9 * time.Second})
		l.asked(epoch, true)
		l.asked(epoch, row.ok)
		l.heard(epoch.Add(50 * time.Second))
		l.heard(epoch.Add(20 * time.Second))
		if l.due(epoch.Add(row.due-time.Second)) || !l.due(epoch.Add(row.due)) {
			t.Errorf("%s: not due after %v", row.name, row.due)
		}
	}
}
