package e2e

import (
	"context"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"omegastream_exporter/internal/simulator"
)

// increase() sees the first failure of a kind as a step from 0 to 1, and also what happened
// while the program was down.
func TestFirstFailureIsSeen(t *testing.T) {
	t.Parallel()
	const hold = time.Second
	account, apiURL := serveAccount(t, simulator.Options{Seed: 3})
	id := account.AddEndpoint(simulator.Endpoint{Active: true, Events: []string{"video.process_failed"}})
	account.Emit(id, "video.process_failed", simulator.Responded(500)) // history
	s := watching(t, apiURL, "--collector.hold-new-series="+hold.String(), "--collector.min-interval=50ms")
	p := s.serve(t)
	record := newRecorder(t, hold)
	// scrapeUntil scrapes often, and records whether a series starts above 0 or is released
	// too early.
	scrapeUntil := func(ok func(*scrape) bool) *scrape {
		t.Helper()
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for range 150 {
			got := text(t, p, 2*time.Second)
			record.note(got)
			if ok(got) {
				return got
			}
			<-tick.C
		}
		t.Fatal("the condition never held")
		return nil
	}
	contacted := scrapeUntil(func(s *scrape) bool { return s.sum("omegastream_up") == 1 })
	if contacted.sum("webhook_events_total") != 0 {
		t.Error("history was counted")
	}

	failure := []string{"endpoint_id", id, "event_type", "video.process_failed", "status_code", "503"}
	event := account.Emit(id, "video.process_failed", simulator.Responded(503))
	seen := scrapeUntil(func(s *scrape) bool {
		failed, _ := s.get("webhook_delivery_failures_total", failure...)
		delivered, _ := s.get("webhook_deliveries_total", failure...)
		if failed != delivered {
			t.Errorf("%v failures in %v deliveries", failed, delivered)
		}
		if shown := s.exemplars[key("webhook_delivery_failures_total", failure...)]; failed == 0 && shown != "" {
			t.Errorf("a series at 0 has the exemplar %s", shown)
		}
		return failed == 1
	})
	if got, want := seen.exemplars[key("webhook_delivery_failures_total", failure...)], `event_id="`+event+`"`; got != want {
		t.Errorf("exemplar %s, want %s", got, want)
	}
	born := p.mustScrape(time.Second).created[key("webhook_delivery_failures_total", failure...)]
	if born.Before(contacted.ended) || born.After(record.series[key("webhook_delivery_failures_total", failure...)].at.Add(time.Second)) {
		t.Errorf("created at %v, first shown at %v", born, record.series[key("webhook_delivery_failures_total", failure...)].at)
	}

	// Failures happen while the program is down.
	before := scrapeUntil(func(*scrape) bool { return true }).counters()
	p.stop()
	for range 20 {
		account.Emit(id, "video.process_failed", simulator.Responded(503))
		account.Emit(id, "video.ready_to_watch", simulator.Responded(418))
	}
	p = s.serve(t)
	// An incomplete scrape does not end the hold.
	if status, _, err := p.fetch(context.Background(), http.MethodHead, "/metrics"); err != nil || status != http.StatusOK {
		t.Errorf("HEAD: status %d, error %v", status, err)
	}
	first := text(t, p, 10*time.Second)
	record.note(first)
	loaded := first.counters()
	maps.DeleteFunc(loaded, func(k string, v float64) bool { _, known := before[k]; return !known && v == 0 })
	if diff := cmp.Diff(before, loaded); diff != "" {
		t.Errorf("the first scrape after a start differs from the last one before it (-before +now):\n%s", diff)
	}
	if up := first.sum("omegastream_up"); up != 1 {
		t.Errorf("up %v: the scrape did not wait for the sync", up)
	}
	if backlog := first.sum("omegastream_exporter_event_detail_backlog"); backlog != 0 {
		t.Errorf("%v details are not fetched", backlog)
	}
	scrapeUntil(func(s *scrape) bool {
		got, _ := s.get("webhook_delivery_failures_total", failure...)
		return got == 21
	})
	teapot := []string{"endpoint_id", id, "event_type", "video.ready_to_watch", "status_code", "418"}
	scrapeUntil(func(s *scrape) bool {
		got, _ := s.get("webhook_delivery_failures_total", teapot...)
		return got == 20
	})
}

// text scrapes like a Prometheus with default settings.
func text(t *testing.T, p *program, timeout time.Duration) *scrape {
	t.Helper()
	s, err := p.scrapeText(timeout)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
