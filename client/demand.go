package client

import "time"

// demand counts the turns that were used lately.
type demand struct {
	since        time.Time
	before, last int
}

func (d *demand) met(now time.Time) {
	d.roll(now)
	d.last++
}

func (d *demand) lately(now time.Time) int {
	d.roll(now)
	return max(d.before, d.last)
}

func (d *demand) roll(now time.Time) {
	switch age := now.Sub(d.since); {
	case age >= 2*TurnsAhead:
		d.since, d.before, d.last = now, 0, 0
	case age >= TurnsAhead:
		d.since, d.before, d.last = now, d.last, 0
	}
}
