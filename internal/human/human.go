// Package human formats times for people. It imports none of the exporter's packages.
package human

import (
	"strconv"
	"time"
)

// Ago returns how long before now t was.
func Ago(now, t time.Time) string {
	switch d := now.Sub(t); {
	case t.IsZero():
		return "never"
	case d < -2*time.Second:
		return "in " + Span((-d).Truncate(time.Second))
	case d < 2*time.Second:
		return "just now"
	default:
		return Span(d.Truncate(time.Second)) + " ago"
	}
}

// Span formats a duration in the one unit that people would use.
func Span(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "under 1 ms"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < 10*time.Second && d%time.Second != 0:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < 2*time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < 2*time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h"
	}
	return strconv.Itoa(int(d.Hours()/24)) + " days"
}
