package e2e

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"omegastream_exporter/internal/simulator"
)

// expected holds the final values of delivery counters, by series. All others must be 0 or
// absent.
type expected map[string]float64

// expect converts the truth to counters. Events that never got a response are given
// separately, by endpoint and type, because the truth does not know that they eventually
// count as deliveries without a response.
func expect(truth simulator.Truth, silent map[[2]string]int) expected {
	want := make(expected)
	for id, types := range truth {
		for name, tally := range types {
			want.add(tally.Events, "webhook_events_total", "endpoint_id", id, "event_type", name)
			want.add(tally.Recoveries, "webhook_delivery_recoveries_total", "endpoint_id", id, "event_type", name)
			for code, n := range tally.Outcomes {
				want.outcomes(id, name, code, n)
			}
		}
	}
	for at, n := range silent {
		want.outcomes(at[0], at[1], "none", n)
	}
	return want
}

func (e expected) outcomes(id, eventType, code string, n int) {
	e.add(n, "webhook_deliveries_total", "endpoint_id", id, "event_type", eventType, "status_code", code)
	if code[0] != '2' {
		e.add(n, "webhook_delivery_failures_total", "endpoint_id", id, "event_type", eventType, "status_code", code)
	}
}

func (e expected) add(n int, name string, labels ...string) {
	if n > 0 {
		e[key(name, labels...)] += float64(n)
	}
}

// compare returns the differences as an error.
func (e expected) compare(s *scrape) error {
	var wrong []string
	for _, name := range []string{
		"webhook_events_total", "webhook_deliveries_total", "webhook_delivery_failures_total",
		"webhook_delivery_recoveries_total", "webhook_events_unresolved_total",
	} {
		for _, k := range s.named(name) {
			if s.values[k] != e[k] {
				wrong = append(wrong, fmt.Sprintf("%s is %v, not %v", k, s.values[k], e[k]))
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(e)) {
		if _, ok := s.values[k]; !ok {
			wrong = append(wrong, fmt.Sprintf("%s is missing, not %v", k, e[k]))
		}
	}
	for _, k := range s.named("omegastream_exporter_event_detail_backlog") {
		_, labels, _ := strings.Cut(k, "{")
		id, _, _ := strings.Cut(strings.TrimPrefix(labels, `endpoint_id="`), `"`)
		none := s.sum("webhook_deliveries_total", "endpoint_id", id, "status_code", "none")
		if reasons := s.sum("webhook_delivery_no_response_total", "endpoint_id", id); reasons != none {
			wrong = append(wrong, fmt.Sprintf("endpoint %s: %v reasons for %v deliveries without a response", id, reasons, none))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	more := ""
	if len(wrong) > 8 {
		more = fmt.Sprintf("\nand %d more", len(wrong)-8)
		wrong = wrong[:8]
	}
	return errors.New(strings.Join(wrong, "\n") + more)
}

// upAndContacted waits for the end of the first sync, when all endpoints are contacted and
// all listed events are history.
func upAndContacted(endpoints int) func(*scrape) error {
	return func(s *scrape) error {
		up, _ := s.get("omegastream_up")
		contacted := len(s.named("omegastream_exporter_tracked_events"))
		if up != 1 || contacted < endpoints {
			return fmt.Errorf("up %v, contacted %d endpoints, want %d", up, contacted, endpoints)
		}
		return nil
	}
}
