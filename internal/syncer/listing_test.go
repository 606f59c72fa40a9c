package syncer

import (
	"testing"
	"time"
)

// The account's endpoints are asked for once a minute by all replicas together. A replica
// whose own ask failed has learned nothing from another's.
func TestListingOfAnotherReplica(t *testing.T) {
	t.Parallel()
	epoch := time.Unix(1_700_000_000, 0)
	for _, row := range []struct {
		name string
		ok   bool // the last ask of its own
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
