package web

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"omegastream_exporter/internal/ledger"
)

// chart is a picture of the window with a bar for each stretch of hours: deliveries
// that succeeded below those that failed.
type chart struct {
	Width, Height int // of the drawing
	Bars          []bar
	Top           int   // the number of deliveries at full height
	Ticks         []int // of the axis, from the top down
	Lines         []float64
	Text          string // in place of the picture
}

// bar is one stretch of time.
type bar struct {
	From, To          time.Time
	Delivered, Failed int
	Label             string // below the bar; "" for most
	Minor             bool   // its label is the first to be hidden if there is little room

	X, Width                    float64
	DeliveredY, DeliveredHeight float64
	FailedY, FailedHeight       float64
}

// Said is the tooltip of the bar.
func (b bar) Said() string {
	return fmt.Sprintf("%s to %s UTC: %s delivered, %s failed",
		b.From.Format("2 Jan 15:04"), b.To.Format("15:04"), number(b.Delivered), number(b.Failed))
}

// Delivered is the outline of the successful deliveries. It is one path, because a page
// can have many charts.
func (c chart) Delivered() string {
	return c.outline(func(b bar) (y, height float64) { return b.DeliveredY, b.DeliveredHeight })
}

// Failed is the outline of the failed deliveries.
func (c chart) Failed() string {
	return c.outline(func(b bar) (y, height float64) { return b.FailedY, b.FailedHeight })
}

func (c chart) outline(part func(bar) (y, height float64)) string {
	var d []byte
	for _, b := range c.Bars {
		if y, height := part(b); height > 0 {
			d = fmt.Appendf(d, "M%g %gh%gv%gh-%gz", b.X, math.Round(y), b.Width, math.Round(height), b.Width)
		}
	}
	return string(d)
}

const (
	barStep     = 10 // of a drawing's width, for each bar
	barGap      = 2
	leastHeight = 2 // of a part that is not empty: one failure among a thousand must be visible
)

// newChart draws the hours of the window that ends now, in at most this many bars.
func newChart(hours []ledger.Hour, window time.Duration, now time.Time, maxBars, height int) chart {
	c := chart{Bars: stretches(window, now, maxBars), Height: height}
	first := c.Bars[0].From.Unix()
	step := int64(c.Bars[0].To.Sub(c.Bars[0].From) / time.Second)
	for _, h := range hours {
		if h.Start < first {
			continue
		}
		i := min(int((h.Start-first)/step), len(c.Bars)-1) // the API's clock can be ahead of ours
		c.Bars[i].Delivered += h.Delivered
		c.Bars[i].Failed += h.Failed
	}
	c.Width = barStep * len(c.Bars)
	highest := 0
	for _, b := range c.Bars {
		highest = max(highest, b.Delivered+b.Failed)
	}
	c.scale(highest)
	for i := range c.Bars {
		c.draw(i)
	}
	c.Text = c.say(window)
	return c
}

// stretches divides the window into bars of one hour, or of more if there are too many
// hours.
func stretches(window time.Duration, now time.Time, maxBars int) []bar {
	step := time.Hour
	for _, hours := range []int{1, 2, 3, 6, 12, 24} {
		if step = time.Duration(hours) * time.Hour; window/step < time.Duration(maxBars) {
			break
		}
	}
	from := now.Add(-window).UTC().Truncate(step)
	var bars []bar
	for at := from; !at.After(now); at = at.Add(step) {
		bars = append(bars, bar{From: at, To: at.Add(step)})
	}
	every := max(1, (len(bars)+7)/8)
	for i := every / 2; i < len(bars); i += every {
		b := &bars[i]
		b.Label, b.Minor = b.From.Format("15:04"), (i/every)%2 == 1
		if window > 48*time.Hour {
			b.Label = b.From.Format("2 Jan")
		}
	}
	return bars
}

// scale sets the axis so that the highest bar fits: at most five steps of 1, 2 or 5
// times a power of ten.
func (c *chart) scale(highest int) {
	unit := 1
	for unit*5 < highest {
		if digits := strconv.Itoa(unit); digits[0] == '2' {
			unit = unit / 2 * 5
		} else {
			unit *= 2
		}
	}
	steps := max(2, (highest+unit-1)/unit)
	c.Top = unit * steps
	for i := steps; i >= 0; i-- {
		c.Ticks = append(c.Ticks, i*unit)
		c.Lines = append(c.Lines, float64(c.Height)*float64(steps-i)/float64(steps))
	}
}

func (c *chart) draw(i int) {
	b := &c.Bars[i]
	b.X, b.Width = float64(barStep*i)+barGap/2.0, barStep-barGap
	tall := func(n int) float64 {
		if n == 0 {
			return 0
		}
		return math.Max(leastHeight, math.Round(10*float64(c.Height)*float64(n)/float64(c.Top))/10)
	}
	b.DeliveredHeight, b.FailedHeight = tall(b.Delivered), tall(b.Failed)
	b.DeliveredY = float64(c.Height) - b.DeliveredHeight
	b.FailedY = math.Max(0, b.DeliveredY-b.FailedHeight)
}

// say describes the picture in words.
func (c *chart) say(window time.Duration) string {
	var delivered, failed int
	var worst bar
	for _, b := range c.Bars {
		delivered += b.Delivered
		failed += b.Failed
		if b.Failed > worst.Failed {
			worst = b
		}
	}
	text := fmt.Sprintf("Last %s: %s delivered, %s failed", windowName(window), number(delivered), number(failed))
	if failed > 0 {
		text += fmt.Sprintf("; most failures from %s UTC on: %s", worst.From.Format("2 Jan 15:04"), number(worst.Failed))
	}
	return text + "."
}
