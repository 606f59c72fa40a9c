package bench

import (
	"flag"
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state/file"
	"omegastream_exporter/internal/syncer"
)

var dayRates = flag.String("day", "", "simulate a whole day with these numbers of events a minute, such as 1,100,10000, and print each hour")

// TestSimulatedDay lets hours pass on a fake clock, and compares the exporter's resources
// early and late: they must not grow with the history. Without -day the day is short, with
// few events.
func TestSimulatedDay(t *testing.T) { //nolint:paralleltest // it measures the heap
	rates, hours := "1,30", settled+1
	if *dayRates != "" {
		rates, hours = *dayRates, 24
	} else if testing.Short() {
		t.Skip("it takes thousands of events")
	}
	for rate := range strings.SplitSeq(rates, ",") {
		t.Run("rate="+rate, func(t *testing.T) {
			perMinute, err := strconv.Atoi(rate)
			if err != nil || perMinute < 1 {
				t.Fatalf("-day: %q is not a number of events a minute", rate)
			}
			began, dir := time.Now(), t.TempDir()
			synctest.Test(t, func(t *testing.T) { simulateDay(t, dir, perMinute, hours) })
			t.Logf("%d hours at %d events a minute took %v", hours, perMinute, time.Since(began).Round(time.Second/10))
		})
	}
}

// hour holds the exporter's resources at the end of an hour.
type hour struct {
	events, tracked int
	heap, state     float64 // MB
	lists, details  int64
}

func (h hour) String() string {
	return fmt.Sprintf("%9d events, %7d tracked, heap %6.1f MB, state %6.1f MB, %5d lists, %8d details",
		h.events, h.tracked, h.heap, h.state, h.lists, h.details)
}

const (
	dayWindow  = time.Hour
	dayOverlap = 2 * time.Minute
	settled    = 3 // from this hour on nothing may grow: a window, up to an hour until the next full read, and one more
)

func simulateDay(t *testing.T, dir string, perMinute, hours int) {
	// Events happen between scrapes, never at the same moment.
	api := &endless{start: time.Now().Add(-time.Second / 2), every: time.Minute / time.Duration(perMinute), retention: 3 * time.Hour}
	p := policy()
	p.Window, p.Overlap = dayWindow, dayOverlap
	r := newRigWith(t, "http://api.example.com", file.New(filepath.Join(dir, "ledger.db")), api, p, syncer.Options{})
	r.scrape()
	history := api.happened(time.Now())
	var all []hour
	for h := range hours {
		for range 60 {
			time.Sleep(time.Minute)
			r.scrape()
		}
		now := time.Now()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		e := r.state.View(now).Endpoints[0]
		all = append(all, hour{
			events: api.happened(now) - history, tracked: e.Tracked, heap: float64(m.HeapAlloc) / 1e6, state: float64(r.state.Size()) / 1e6,
			lists: api.lists.Load(), details: api.details.Load(),
		})
		t.Logf("hour %2d: %v", h+1, all[h])
		checkCounts(t, api, e, history, api.happened(now))
	}
	if hours <= settled {
		return
	}
	early, late := all[settled-1], all[hours-1]
	for _, grows := range []struct {
		what        string
		early, late float64
		slack       float64
	}{
		{"tracked events", float64(early.tracked), float64(late.tracked), float64(perMinute)},
		{"MB of heap", early.heap, late.heap, 2},
		{"MB of state", early.state, late.state, 0.1},
	} {
		if grows.late > grows.early*1.15+grows.slack {
			t.Errorf("%.1f %s after %d hours, %.1f after %d", grows.early, grows.what, settled, grows.late, hours)
		}
	}
}

// checkCounts compares the counters with what happened since contact.
func checkCounts(t *testing.T, api *endless, e *ledger.EndpointView, from, to int) {
	t.Helper()
	want := map[ledger.Code]uint64{}
	for n := from; n < to; n++ {
		want[ledger.Code(api.code(n))]++
	}
	events, got := uint64(0), map[ledger.Code]uint64{}
	for _, s := range e.Counters.All {
		switch s.Kind {
		case ledger.CountEvents:
			events += s.Value
		case ledger.CountDeliveries:
			got[s.Code] += s.Value
		default:
		}
	}
	if events != uint64(to-from) || got[200] != want[200] || got[500] != want[500] || got[ledger.CodeNone] != 0 {
		t.Errorf("%d events %v, want %d %v", events, got, to-from, want)
	}
}
