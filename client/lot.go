package client

import "time"

const (
	lateness    = 100 * time.Millisecond // a turn may be used that long after its time
	maxLateness = time.Second            // or until the next one, but no longer than this
)

// lot is a row of turns that one grant brought. The clock of who hands out turns
// is not ours: its turn lies between first and late before first, by our clock.
// So a turn is used from first on, which is never too early, and not after late.
// What is left of it then is lost: a process that was stopped, or an answer that
// hung, must not lead to a burst of old turns on top of everybody's new ones.
type lot struct {
	first time.Time // of those left
	every time.Duration
	late  time.Duration
	left  int
}

// newLot returns the turns of a grant that was asked for then and came now.
// usual is how long the way to and from the turns commonly takes.
func newLot(g Grant, asked, now time.Time, usual time.Duration) lot {
	l := lot{first: now.Add(g.First), every: g.Every, left: g.Turns, late: TurnsAhead}
	if g.Every > 0 {
		l.late = max(lateness, min(g.Every, maxLateness))
	}
	l.late += usual - now.Sub(asked)
	return l
}

// fresh drops the turns that are too old and returns how many are left.
func (l *lot) fresh(now time.Time) int {
	over := now.Sub(l.first) - l.late
	switch {
	case over <= 0 && l.late >= 0:
	case l.every <= 0 || l.late < 0:
		l.left = 0
	default:
		gone := min(int((over+l.every-1)/l.every), l.left)
		l.left -= gone
		l.first = l.first.Add(time.Duration(gone) * l.every)
	}
	return l.left
}

// take uses a turn and returns 0, or returns how long until its time.
func (l *lot) take(now time.Time) time.Duration {
	if wait := l.first.Sub(now); wait > 0 {
		return wait
	}
	if l.every > 0 {
		l.left--
		l.first = l.first.Add(l.every)
	}
	return 0
}
