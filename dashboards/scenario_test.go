package dashboards_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/collector"
)

// scenario is a promtool test, with a sample of each series every minute.
type scenario struct {
	series  map[string]string // values in promtool's notation
	queries []finding
}

// finding is a query some minutes after the start, with the expected values by label.
type finding struct {
	minutes int
	expr    string
	want    map[string]float64
}

// play runs a scenario with the rules, evaluated every minute.
func play(t *testing.T, s scenario) {
	t.Helper()
	type object = map[string]any
	var rules []string
	for _, file := range glob(t, "rules/*.rules.yaml") {
		path, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, path)
	}
	series, queries := []object{}, []object{}
	for _, name := range slices.Sorted(maps.Keys(s.series)) {
		series = append(series, object{"series": name, "values": s.series[name]})
	}
	for _, q := range s.queries {
		samples := []object{}
		for _, labels := range slices.Sorted(maps.Keys(q.want)) {
			samples = append(samples, object{"labels": labels, "value": q.want[labels]})
		}
		queries = append(queries, object{"expr": q.expr, "eval_time": fmt.Sprintf("%dm", q.minutes), "exp_samples": samples})
	}
	// JSON is YAML.
	text, err := json.Marshal(object{
		"rule_files": rules, "evaluation_interval": "1m",
		"group_eval_order": []string{"omegastream-records", "omegastream-bars", "omegastream-hours", "omegastream-deliveries", "omegastream-exporter", "omegastream-videos"},
		"tests":            []object{{"interval": "1m", "input_series": series, "promql_expr_test": queries}},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "scenario.test.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, tool(t, "promtool"), "test", "rules", file)
}

const (
	ofJob      = `{job="omegastream", instance="a:9877"`
	ofEndpoint = ofJob + `, endpoint_id="e1"`
	ofType     = ofEndpoint + `, event_type="video.process_succeeded"`
)

// oneEndpoint returns the series of an endpoint that is well for two hours, with a delivery
// every minute, some of which fail as in failures.
func oneEndpoint(failures string) map[string]string {
	return map[string]string{
		"omegastream_exporter_last_successful_sync_timestamp_seconds" + ofJob + "}":               "0+60x120",
		"omegastream_exporter_endpoint_last_successful_sync_timestamp_seconds" + ofEndpoint + "}": "0+60x120",
		"webhook_endpoint_info" + ofEndpoint + `, url="hooks.example.com", description="Shop"}`:   "1x120",
		"webhook_endpoint_active" + ofEndpoint + "}":                                              "1x120",
		"webhook_endpoint_consecutive_failures" + ofEndpoint + "}":                                "0x120",
		"omegastream_up" + ofJob + "}":                                                            "1x120",
		"webhook_deliveries_total" + ofType + `, status_code="200"}`:                              "0+1x120",
		"webhook_deliveries_total" + ofType + `, status_code="503"}`:                              failures,
		"webhook_delivery_failures_total" + ofType + `, status_code="503"}`:                       failures,
	}
}

// TestMetricsOfOthers checks that no rule reads metrics of the same names from another
// application.
func TestMetricsOfOthers(t *testing.T) {
	t.Parallel()
	s := scenario{series: oneEndpoint("0x120")}
	for _, f := range collector.Families() {
		if !strings.HasPrefix(f.Name, "webhook_") {
			continue
		}
		labels := []string{`job="shop"`, `instance="s:1"`, `reason="boom"`}
		for _, label := range f.Labels {
			if label != "reason" {
				labels = append(labels, label+`="1"`)
			}
		}
		set := strings.Join(labels, ", ")
		if f.Type == "histogram" {
			s.series[f.Name+"_bucket{"+set+`, le="1"}`] = "0+5x120"
			s.series[f.Name+"_bucket{"+set+`, le="+Inf"}`] = "0+5x120"
			continue
		}
		s.series[f.Name+"{"+set+"}"] = "0+5x60 0x60"
	}
	for _, minutes := range []int{30, 59, 90, 119} {
		s.queries = append(
			s.queries,
			finding{minutes, `ALERTS`, nil},
			finding{minutes, `{__name__=~".+:.+", job="shop"}`, nil},
		)
	}
	play(t, s)
}

// TestStatsAgreeWithAlerts checks the numbers on the dashboard when an alert about failures
// begins to fire, and one evaluation before.
func TestStatsAgreeWithAlerts(t *testing.T) {
	t.Parallel()
	all, _ := dashboards(t)
	panel := func(title string) (expr string) {
		for _, d := range all {
			for _, p := range d.Panels {
				if p.Title == title {
					expr = fill(p.Targets[0].Expr, "omegastream", 5*time.Minute, 6*time.Minute, 24*time.Hour)
				}
			}
		}
		return expr
	}
	firing := func(alert string) string {
		return fmt.Sprintf(`count(ALERTS{alertname="OmegaStream%s", alertstate="firing"})`, alert)
	}
	one := map[string]float64{"{}": 1}
	for _, tt := range []struct {
		alert                string
		failed               float64 // in the minute after the first hour
		from                 int     // when the alert begins to fire
		deliveries, failures float64 // of the last hour at that time
	}{
		{"DeliveryFailed", 1, 61, 61, 1},
		{"ErrorBudgetBurningFast", 41, 66, 101, 41},
	} {
		success := 1 - tt.failures/tt.deliveries
		play(t, scenario{series: oneEndpoint(fmt.Sprintf("0x60 %gx59", tt.failed)), queries: []finding{
			{tt.from - 1, firing(tt.alert), nil},
			{tt.from, firing(tt.alert), one},
			{tt.from, panel("Failures, 1 h"), map[string]float64{"{}": tt.failures}},
			{tt.from, panel("Deliveries, 1 h"), map[string]float64{"{}": tt.deliveries}},
			{tt.from, fmt.Sprintf("abs(%s - %g) < bool 1e-6", panel("Success, 1 h"), success), one},
			{60, panel("Failures, 1 h"), map[string]float64{"{}": 0}},
			{60, panel("Success, 1 h"), one},
		}})
		for title, value := range map[string]float64{"Failures, 1 h": tt.failures, "Success, 1 h": success} {
			if colour := colourOf(t, all, title, value); colour == "green" {
				t.Errorf("%s is green at %g", title, value)
			}
		}
	}
	for title, value := range map[string]float64{"Failures, 1 h": 0, "Success, 1 h": 1, "Failed, 24 h": 0, "Success, 24 h": 1} {
		if colour := colourOf(t, all, title, value); colour != "green" {
			t.Errorf("%s is %s at %g", title, colour, value)
		}
	}
	if colour := colourOf(t, all, "Failed, 24 h", 1); colour != "red" {
		t.Errorf("one failure in 24 hours is %s", colour)
	}
}

// colourOf returns the colour of a value in a panel.
func colourOf(t *testing.T, all []dashboard, title string, value float64) (colour string) {
	t.Helper()
	for _, d := range all {
		for _, p := range d.Panels {
			if p.Title != title {
				continue
			}
			for _, step := range p.FieldConfig.Defaults.Thresholds.Steps {
				if step.Value == nil || *step.Value <= value {
					colour = step.Color
				}
			}
		}
	}
	if colour == "" {
		t.Errorf("no panel %s has a colour for %g", title, value)
	}
	return colour
}

// TestNothingIsKnown checks that, without any series, no panel claims that nothing failed or
// nothing waits.
func TestNothingIsKnown(t *testing.T) {
	t.Parallel()
	s := scenario{queries: []finding{{10, `count(ALERTS{alertname="OmegaStreamExporterDown", alertstate="firing"})`, map[string]float64{"{}": 1}}}}
	_, uses := dashboards(t)
	for _, u := range uses {
		if !strings.Contains(u.where, ": annotation ") {
			s.queries = append(s.queries, finding{10, fill(u.raw, ".*", 5*time.Minute, 6*time.Minute, 24*time.Hour), nil})
		}
	}
	play(t, s)
}

// TestBarsAMinuteApart checks that bars have every failure once with a scrape interval of 60
// s, although Grafana assumes 15 s by default.
func TestBarsAMinuteApart(t *testing.T) {
	t.Parallel()
	s := scenario{series: oneEndpoint("0x4 1x6 2x6 3x6 4x6 5x6 6x6 7x6 8x6 9x6 10x6 11x6 12x6 13x6 14x6 15x6")}
	// Here the rules are evaluated every minute, and panels read every fifth sample.
	for record, want := range map[string]float64{"endpoint:webhook_delivery_failures:bar5m": 14, "endpoint:webhook_deliveries:bar5m": 100 + 14} {
		s.queries = append(s.queries, finding{100, fmt.Sprintf("sum(sum_over_time(%s[100m:5m]))", record), map[string]float64{"{}": want}})
	}
	play(t, s)
}
