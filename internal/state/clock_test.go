package state

import (
	"testing"
	"time"
)

func TestCommonClock(t *testing.T) {
	t.Parallel()
	var c commonClock
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	here := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	there := func(ms int) time.Time { return here(ms).Add(time.Hour) }
	want := func(what string, ms, off int) {
		t.Helper()
		if got := c.at(here(ms)); !got.Equal(there(ms + off)) {
			t.Errorf("%s: it is %v, want %v", what, got, there(ms+off))
		}
	}
	if got := c.at(here(0)); !got.Equal(here(0)) {
		t.Errorf("before any answer it is %v", got)
	}
	c.observe(there(1), here(0), here(2))
	want("a fast answer", 10, 0)
	c.observe(there(1990), here(1000), here(2000))
	want("a slow answer, which says less", 2000, 0)
	c.observe(there(2501+300), here(2500), here(2502))
	want("an equally fast, newer answer", 3000, 300)
	c.observe(there(5000-800), here(4900), here(5100))
	want("an answer that contradicts the estimate", 6000, -800)
}

func TestClockWatch(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, row := range map[string]struct {
		passed, by time.Duration
		set        bool
	}{
		"a clock that runs":                   {time.Hour, 0, false},
		"a clock that is adjusted":            {time.Hour, 9 * time.Second, false},
		"a clock that is set forward":         {time.Second, 15 * time.Minute, true},
		"a clock that is set back":            {time.Second, -time.Hour, true},
		"a clock that is set in a long pause": {24 * time.Hour, 15 * time.Minute, true},
	} {
		var c clockWatch
		c.see(start.Add(time.Minute), start)
		c.see(start.Add(time.Minute), start)
		is, here := start.Add(time.Minute+row.passed+row.by), start.Add(row.passed)
		c.see(is, here)
		c.see(is.Add(time.Second), here.Add(time.Second))
		if got := c.lastSet(); got.IsZero() == row.set || row.set && !got.Equal(is) {
			t.Errorf("%s: set at %v", name, got)
		}
	}
}
