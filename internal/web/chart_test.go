package web

import (
	"testing"
	"time"

	"omegastream_exporter/internal/ledger"
)

func TestChartCutsTheWindow(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, row := range []struct {
		window time.Duration
		most   int
		step   time.Duration
		bars   int
	}{
		{time.Hour, 48, time.Hour, 2},
		{day, 48, time.Hour, 25},
		{7 * day, 48, 6 * time.Hour, 29},
		{31 * day, 48, day, 32},
		{7 * day, 96, 2 * time.Hour, 85},
		{31 * day, 96, 12 * time.Hour, 63},
	} {
		c := newChart(nil, row.window, epoch, row.most, 100)
		if got := c.Bars[0].To.Sub(c.Bars[0].From); got != row.step || len(c.Bars) != row.bars {
			t.Errorf("%s: %d bars of %s", row.window, len(c.Bars), got)
		}
		last := c.Bars[len(c.Bars)-1]
		if c.Bars[0].From.After(epoch.Add(-row.window)) || last.From.After(epoch) || !last.To.After(epoch) {
			t.Errorf("%s: from %s to %s", row.window, c.Bars[0].From, last.To)
		}
	}
}

func TestChartCounts(t *testing.T) {
	t.Parallel()
	hour := func(n, delivered, failed int) ledger.Hour {
		return ledger.Hour{Start: epoch.Truncate(time.Hour).Add(time.Duration(n) * time.Hour).Unix(), Delivered: delivered, Failed: failed}
	}
	c := newChart([]ledger.Hour{
		hour(-25, 1000, 1000),                                             // before the window
		hour(-24, 1, 0), hour(-3, 700, 1), hour(0, 10, 20), hour(1, 0, 5), // the clock of the API is ahead
	}, 24*time.Hour, epoch, 48, 100)
	first, worst, last := c.Bars[0], c.Bars[21], c.Bars[24]
	if first.Delivered != 1 || worst.Delivered != 700 || worst.Failed != 1 || last.Delivered != 10 || last.Failed != 25 {
		t.Errorf("%+v %+v %+v", first, worst, last)
	}
	if c.Top < 701 || c.Top > 1200 || c.Ticks[0] != c.Top || c.Ticks[len(c.Ticks)-1] != 0 || len(c.Ticks) != len(c.Lines) {
		t.Errorf("the axis ends at %d: %v", c.Top, c.Ticks)
	}
	if worst.FailedHeight < leastHeight {
		t.Errorf("one failure among many is %.1f high", worst.FailedHeight)
	}
	for i, b := range c.Bars {
		if b.FailedY < 0 || b.DeliveredY+b.DeliveredHeight != 100 || b.FailedHeight > 0 && b.FailedY+b.FailedHeight > b.DeliveredY+0.001 {
			t.Errorf("bar %d exceeds its place: %+v", i, b)
		}
	}
	const want = "Last 24 h: 711 delivered, 26 failed; most failures from 1 Mar 12:00 UTC on: 25."
	if c.Text != want {
		t.Errorf("%q", c.Text)
	}
	if said := worst.Said(); said != "1 Mar 09:00 to 10:00 UTC: 700 delivered, 1 failed" {
		t.Errorf("%q", said)
	}
}

func TestAxisIsRound(t *testing.T) {
	t.Parallel()
	for highest, want := range map[int]int{0: 2, 1: 2, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 8: 8, 9: 10, 17: 20, 40: 40, 41: 50, 99: 100, 101: 150, 1234: 1500, 999999: 1000000} {
		var c chart
		if c.scale(highest); c.Top != want || len(c.Ticks) > 6 {
			t.Errorf("%d: up to %d, want %d; %v", highest, c.Top, want, c.Ticks)
		}
	}
}
