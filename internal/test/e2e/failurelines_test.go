package e2e

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
)

var failureLine = regexp.MustCompile(`(?m)^.*msg="Delivery failed".* event_id=(\S+) .*\n`)

// failedOf returns the failed events in a log, in order.
func failedOf(log string) (events []string) {
	for _, found := range failureLine.FindAllStringSubmatch(log, -1) {
		events = append(events, found[1])
	}
	return events
}

// The log has a line for each failed delivery, even after kills. A kill repeats only lines of
// the batch that it interrupts. FAILURE_KILLS=100 tests 10,000 failures.
func TestFailureLinesOverKills(t *testing.T) {
	t.Parallel()
	kills := needs.Count(2, 6)
	if text := os.Getenv("FAILURE_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	const (
		seed    = 20261128
		each    = 100 // failures between kills
		pace    = 20 * time.Millisecond
		waiting = 60 // limit of failures without a line, as of more than 100 at once some get none
	)
	account, apiURL := serveAccount(t, simulator.Options{Seed: seed})
	for range 2 {
		account.AddEndpoint(simulator.Endpoint{Active: true, URL: "https://hooks.example.com/" + simulator.SecretMark})
	}
	endpoints := account.EndpointIDs()
	s := watching(t, apiURL, "--api.rate-limit=0", "--collector.min-interval=50ms", "--collector.hold-new-series=0")
	s.brief = true
	p := s.serve(t)
	eventually(t, func() error { return upAndContacted(2)(p.mustScrape(5 * time.Second)) })
	account.Mark()

	moments := rand.New(rand.NewPCG(seed, 1))
	failed := make(map[string]bool)
	var logs [][]string // of earlier processes
	var text strings.Builder
	told := make(map[string]bool) // in these logs
	behind := func() int {
		n := len(failed)
		for event := range failed {
			if told[event] {
				n--
			}
		}
		for _, event := range failedOf(p.log.String()) {
			if !told[event] {
				n--
			}
		}
		return n
	}
	// Scrape to make the program sync; the test is about what a kill interrupts.
	fail := func(n int) {
		for range n {
			eventually(t, func() error {
				if n := behind(); n >= waiting {
					_, _ = p.scrape(time.Second)
					return fmt.Errorf("%d failures have no line yet", n)
				}
				return nil
			})
			id := endpoints[len(failed)%2]
			failed[account.Emit(id, "video.process_failed", simulator.Responded(http.StatusServiceUnavailable))] = true
			if len(failed)%10 == 0 {
				go func(p *program) { _, _ = p.scrape(time.Second) }(p)
			}
			<-time.After(pace)
		}
	}
	for range kills {
		some := 1 + moments.IntN(each-1)
		fail(some)
		<-time.After(time.Duration(moments.Int64N(int64(50 * time.Millisecond))))
		p.kill()
		log := p.log.String()
		text.WriteString(log)
		logs = append(logs, failedOf(log))
		for _, event := range failedOf(log) {
			told[event] = true
		}
		p = s.serve(t)
		fail(each - some)
	}
	eventually(t, func() error {
		if n := p.mustScrape(5 * time.Second).sum("webhook_delivery_failures_total"); int(n) != len(failed) {
			return fmt.Errorf("%v failures are counted, want %d", n, len(failed))
		}
		return nil
	})
	p.stop()
	text.WriteString(p.log.String())
	logs = append(logs, failedOf(p.log.String()))

	lines, repeated := make(map[string]int), 0
	for _, log := range logs {
		for _, event := range log {
			lines[event]++
		}
	}
	if got := slices.Sorted(maps.Keys(lines)); !slices.Equal(got, slices.Sorted(maps.Keys(failed))) {
		t.Errorf("lines for %d failures, there were %d", len(got), len(failed))
	}
	later := make(map[string]bool)
	for _, log := range slices.Backward(logs) {
		n := 0 // lines that a later process repeated
		for _, event := range log {
			if later[event] {
				n++
			}
		}
		repeated += n
		for _, event := range log[len(log)-n:] {
			if !later[event] {
				t.Errorf("a process repeated %d lines that were not the last ones before the kill", n)
				break
			}
		}
		for i, event := range log {
			if slices.Contains(log[:i], event) {
				t.Errorf("a process logged %s twice", event)
			}
			later[event] = true
		}
	}
	for _, secret := range []string{simulator.SecretMark, simulator.DefaultKey} {
		if strings.Contains(text.String(), secret) {
			t.Errorf("the log contains the secret %s", secret)
		}
	}
	figures(t, "%d kills, %d failures, %d lines repeated", kills, len(failed), repeated)
}
