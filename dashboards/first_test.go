package dashboards_test

import (
	"fmt"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
)

// TestFirstMinute checks the first row of the dashboard for an exporter that has just met an
// account with a day of history: it needs no counters and no rules.
func TestFirstMinute(t *testing.T) {
	t.Parallel()
	a := simulator.New(simulator.Options{})
	endpoint := a.AddEndpoint(simulator.Endpoint{})
	const events, everySoOften = 96, 4
	for i := range events {
		code := 200
		if i%everySoOften == 0 {
			code = 503
		}
		a.Insert(endpoint, simulator.Event{
			Type: eventType, CreatedTime: time.Now().Add(-time.Duration(events-i) * 14 * time.Minute), Answers: []simulator.Answer{simulator.Responded(code)},
		})
	}
	a.Mark()
	api, stop, err := simulator.Serve(a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	prom := startPrometheus(t, serverOptions{withoutRules: true}, startExporter(t, api).address)
	all, _ := dashboards(t)
	failed := float64(events / everySoOften)
	for title, want := range map[string]string{
		"Success, 24 h":        fmt.Sprint(1 - failed/events),
		"Failed, 24 h":         fmt.Sprint(failed),
		"Delivered, 24 h":      fmt.Sprint(events),
		"By status code, 24 h": fmt.Sprintf("200: %g, 503: %g", events-failed, failed),
	} {
		var expr string
		for _, d := range all {
			for _, p := range d.Panels {
				if p.Title == title {
					expr = fill(p.Targets[0].Expr, "omegastream", 5*time.Minute, 6*time.Minute, 24*time.Hour)
				}
			}
		}
		eventually(t, 2*time.Minute, title, func() error {
			found, err := prom.query(expr)
			if err != nil {
				return err
			}
			var got string
			for _, s := range found {
				if code := s.Metric["status_code"]; code != "" {
					got += ", " + code + ": "
				}
				got += fmt.Sprint(s.Value[1])
			}
			if len(found) > 1 {
				got = got[2:]
			}
			if got != want {
				return fmt.Errorf("it shows %q, want %q", got, want)
			}
			return nil
		})
	}
	// The counters have none of it.
	prom.wait(t, 2*time.Minute, `sum(webhook_deliveries_total)`, "0")
}
