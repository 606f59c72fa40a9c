package client

import (
	"testing"
	"time"
)

func TestLot(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, tt := range []struct {
		name   string
		grant  Grant
		took   time.Duration // by the answer
		usual  time.Duration
		after  time.Duration // from the answer on
		fresh  int
		toWait time.Duration // for the next of those
	}{
		{"in time", Grant{Turns: 10, Every: 10 * ms}, 0, 0, 0, 10, 0},
		{"ahead", Grant{Turns: 10, First: 50 * ms, Every: 10 * ms}, 0, 0, 20 * ms, 10, 30 * ms},
		{"at the end", Grant{Turns: 10, Every: 10 * ms}, 0, 0, 100 * ms, 10, 0},
		{"some too old", Grant{Turns: 10, Every: 10 * ms}, 0, 0, 145 * ms, 5, 0},
		{"the last of them", Grant{Turns: 10, Every: 10 * ms}, 0, 0, 190 * ms, 1, 0},
		{"all too old", Grant{Turns: 10, Every: 10 * ms}, 0, 0, 191 * ms, 0, 0},
		{"long ago", Grant{Turns: 10, Every: 10 * ms}, 0, 0, time.Hour, 0, 0},
		{"slow answer", Grant{Turns: 10, Every: 10 * ms}, 60 * ms, 0, 45 * ms, 9, 0},
		{"too slow an answer", Grant{Turns: 10, First: 50 * ms, Every: 10 * ms}, 101 * ms, 0, 0, 0, 0},
		{"answers are slow", Grant{Turns: 10, Every: 10 * ms}, 300 * ms, 300 * ms, 100 * ms, 10, 0},
		{"slow rate", Grant{Turns: 1, Every: 400 * ms}, 0, 0, 400 * ms, 1, 0},
		{"slow rate, too old", Grant{Turns: 1, Every: 400 * ms}, 0, 0, 401 * ms, 0, 0},
		{"very slow rate", Grant{Turns: 1, Every: time.Hour}, 0, 0, 1001 * ms, 0, 0},
		{"no limit", Grant{Turns: 1}, 0, 0, TurnsAhead, 1, 0},
		{"no limit, too old", Grant{Turns: 1}, 0, 0, TurnsAhead + 1, 0, 0},
		{"no limit, slow answer", Grant{Turns: 1}, 200 * ms, 0, 51 * ms, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLot(tt.grant, epoch.Add(-tt.took), epoch, tt.usual)
			now := epoch.Add(tt.after)
			if got := l.fresh(now); got != tt.fresh {
				t.Fatalf("%d turns, want %d", got, tt.fresh)
			}
			if tt.fresh > 0 {
				if got := l.take(now); got != tt.toWait {
					t.Errorf("wait of %v, want %v", got, tt.toWait)
				}
			}
		})
	}
}
