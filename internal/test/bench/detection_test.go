package bench

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
	"omegastream_exporter/internal/syncer"
)

const (
	detectInterval = 15 * time.Second // between scrapes
	detectTimeout  = 10 * time.Second
	detectHold     = time.Minute
	detectLatency  = 50 * time.Millisecond // of each API call
)

// detecting is a scenario with one rate of events.
type detecting struct {
	perMinute int
	lasts     time.Duration
	newCode   int // one event in this many fails with a new code
	options   syncer.Options
}

// BenchmarkDetection measures the time from a failed delivery to the end of the first scrape
// that shows it, both for a status code with which the endpoint's deliveries have failed
// before and for a new one. Every 15 s Prometheus scrapes one exporter; or a replica that
// follows one scraped half an interval earlier; or both, where the first to show the failure
// counts, as with max over the instances.
//
// The limit is half an interval for the median, plus the hold for a new code.
func BenchmarkDetection(b *testing.B) {
	for _, d := range []detecting{
		{1, 6 * time.Hour, 6, syncer.Options{MinInterval: 9 * time.Second, RateLimit: 20}},
		{100, time.Hour, 47, syncer.Options{MinInterval: 9 * time.Second, RateLimit: 20}},
		{10_000, 12 * time.Minute, 500, syncer.Options{MinInterval: 9 * time.Second, RateLimit: 400, Concurrency: 32}},
	} {
		for _, where := range []string{"alone", "follower", "pair"} {
			b.Run(fmt.Sprintf("permin=%d/%s", d.perMinute, where), func(b *testing.B) {
				var known, unknown []float64
				inBubble(b, func(t *testing.T) { known, unknown = d.measure(t, where) })
				b.ReportMetric(percentile(known, 0.5)*1e9, "ns/op")
				b.ReportMetric(float64(detectInterval)/2, "limit-ns/op")
				b.ReportMetric(percentile(known, 0.95), "p95-s")
				b.ReportMetric(percentile(unknown, 0.5), "new-code-s")
				b.ReportMetric(percentile(unknown, 0.95), "new-code-p95-s")
				b.ReportMetric((detectInterval/2 + detectHold).Seconds(), "new-code-limit-s")
			})
		}
	}
}

// measure returns the seconds that each failure took, for known and for new codes.
func (d detecting) measure(t *testing.T, where string) (known, unknown []float64) {
	const settles, history = 4 * time.Minute, 2 * time.Minute
	seen := &detections{newCode: d.newCode, shown: map[int]int{}, found: map[int]time.Time{}}
	seen.endless = endless{
		start: time.Now().Add(-history), every: time.Minute / time.Duration(d.perMinute), jitter: true, retention: time.Hour, codes: seen.codeOf,
	}
	p := policy()
	p.Window, p.Overlap, p.Hold = time.Hour, 2*time.Minute, detectHold
	stores := []state.Store{state.NewMemory()}
	if where != "alone" {
		shared := storetest.NewShared()
		stores = []state.Store{shared.Store(), shared.Store()}
	}
	var rigs []*rig
	for _, store := range stores {
		rigs = append(rigs, newRigWith(t, "http://api.example.com", store, seen, p, d.options))
	}
	began := time.Now()
	for time.Since(began) < d.lasts {
		for i, r := range rigs {
			next := time.Now().Add(detectInterval / time.Duration(len(rigs)))
			text := scrapeWithin(r.handler, "", detectTimeout).Body.String()
			if where != "follower" || i == 1 {
				seen.scraped(t, text)
			}
			time.Sleep(time.Until(next))
		}
	}
	// Leave out the first minutes after the start, and the last failures, which had too
	// little time.
	return seen.took(t, began.Add(settles), began.Add(d.lasts-settles))
}

// detections is an endless API that records when a scrape first showed each of its failures.
type detections struct {
	endless
	newCode int
	contact atomic.Int64 // events in the first list, which are history

	order [600][]int // failed events after contact, by code
	next  int        // next event to add
	shown map[int]int
	found map[int]time.Time
}

// RoundTrip implements http.RoundTripper.
func (d *detections) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(detectLatency)
	resp, err := d.endless.RoundTrip(r)
	if strings.HasSuffix(r.URL.Path, "/webhooks/e") {
		d.contact.CompareAndSwap(0, int64(d.happened(time.Now())))
	}
	return resp, err
}

// codeOf lets one in newCode events fail with a new code, and a quarter of the others with
// 500.
func (d *detections) codeOf(n int) int {
	switch turn := n / d.newCode; {
	case n%d.newCode == d.newCode-1 && turn < 299:
		return 300 + (turn+201)%300 // 501 to 599, then 300 to 499
	case n%4 == 1:
		return 500
	}
	return 200
}

var failuresOfCode = regexp.MustCompile(`(?m)^webhook_delivery_failures_total\{.*status_code="(\d+)"\} (\d+)$`)

// scraped records what a scrape shows for the first time.
func (d *detections) scraped(t *testing.T, text string) {
	now := time.Now()
	for d.next = max(d.next, int(d.contact.Load())); d.next < d.happened(now); d.next++ {
		code := d.codeOf(d.next)
		d.order[code] = append(d.order[code], d.next)
	}
	for _, line := range failuresOfCode.FindAllStringSubmatch(text, -1) {
		code, _ := strconv.Atoi(line[1])
		value, _ := strconv.Atoi(line[2])
		if value > len(d.order[code]) {
			t.Fatalf("%d failures with %d are shown, but only %d happened", value, code, len(d.order[code]))
		}
		for ; d.shown[code] < value; d.shown[code]++ {
			d.found[d.order[code][d.shown[code]]] = now
		}
	}
}

// took returns how many seconds it took to show the failures of a time span.
func (d *detections) took(t *testing.T, from, until time.Time) (known, unknown []float64) {
	for code := 300; code < len(d.order); code++ {
		for _, n := range d.order[code] {
			happened := d.moment(n)
			if happened.Before(from) || happened.After(until) {
				continue
			}
			if d.found[n].IsZero() {
				t.Fatalf("event %d, which failed with %d at %v, was not shown", n, code, happened)
			}
			seconds := d.found[n].Sub(happened).Seconds()
			if code == 500 {
				known = append(known, seconds)
			} else {
				unknown = append(unknown, seconds)
			}
		}
	}
	return known, unknown
}
