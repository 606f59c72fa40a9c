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
		t.Errorf("before anything is known it is %v", got)
	}
	c.told(there(1), here(0), here(2))
	want("an answer at once", 10, 0)
	c.told(there(1990), here(1000), here(2000))
	want("a slow one, which knows less", 2000, 0)
	c.told(there(2501+300), here(2500), here(2502))
	want("one as good, and newer", 3000, 300)
	c.told(there(5000-800), here(4900), here(5100))
	want("one that proves it wrong", 6000, -800)
}
