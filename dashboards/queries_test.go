package dashboards_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
)

// use is one query in a file.
type use struct {
	where, raw string        // the query as written
	uid        string        // of the dashboard
	step       time.Duration // minimum of the panel
	instant    bool
	live       bool // whether an exporter that has run for seconds must have data
	past       bool // whether the backfilled data must have data
	hours      int  // range of the dashboard
	cell       bool // in a table, whose rows Grafana merges by label
}

// expr returns the query for a running exporter, with bars of a few seconds over the last
// minute.
func (u use) expr() string {
	return fill(u.raw, "omegastream", 5*time.Second, time.Minute, 10*time.Minute)
}

// fill substitutes Grafana's variables.
func fill(raw, job string, interval, rate, span time.Duration) string {
	seconds := func(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }
	return strings.NewReplacer(
		"$__rate_interval_ms", seconds(rate)+"000", "$__interval_ms", seconds(interval)+"000", "$__range_s", seconds(span),
		"$__rate_interval", seconds(rate)+"s", "$__interval", seconds(interval)+"s", "$__range", seconds(span)+"s",
		"$cluster", ".*", "$namespace", ".*", "$job", "("+job+")", "$endpoint", ".*", "$event_type", ".*", "$status_code", ".*",
	).Replace(raw)
}

// dashboard holds the parts of a dashboard that the tests read.
type dashboard struct {
	UID    string
	Time   struct{ From string }
	Panels []struct {
		ID                                 int
		Type, Title, Description, Interval string
		Targets                            []struct {
			Expr, LegendFormat string
			Instant            bool
		}
		FieldConfig struct {
			Defaults struct {
				Unit, NoValue string
				Thresholds    *struct {
					Steps []struct {
						Value *float64
						Color string
					}
				}
			}
			Overrides []struct {
				Matcher struct {
					ID      string
					Options json.RawMessage
				}
				Properties []struct {
					ID    string
					Value json.RawMessage
				}
			}
		}
	}
	Links []struct {
		Title     string
		Placement json.RawMessage
	}
	Templating  struct{ List []variable }
	Annotations struct{ List []annotation }
}

type variable struct {
	Name, Type, Description, AllValue string
	Query                             json.RawMessage
}

type annotation struct {
	Name         string
	Enable, Hide bool
	Placement    json.RawMessage
	Target       struct{ Expr, Interval string }
}

// emptyAtFirst lists the panels that have no data for a healthy exporter that has run for
// seconds, and why. All panels have backfilled data.
var emptyAtFirst = map[string]string{
	"Latency quantiles": "it reads bars that end every five minutes",
}

// emptyRecords lists the rules that record nothing for such an exporter, and why.
var emptyRecords = []string{
	"endpoint_instance:omegastream_exporter_behind:seconds",  // no instance is behind if there is one
	"endpoint:webhook_endpoint_failing:partly",               // no endpoint has 20 deliveries
	"endpoint:webhook_delivery_recoveries:bar5m",             // failed deliveries are asked for again after five minutes
	"endpoint:webhook_events_unresolved:bar5m",               // the API drops no event without an outcome
	"endpoint:omegastream_exporter_list_gaps:bar5m",          // the API drops no event
	"endpoint:webhook_delivery_latency_seconds:bar5m",        // Prometheus stores no native histograms
	"job:webhook_delivery_latency_seconds:bar5m",             // likewise
	"endpoint:omegastream_exporter_event_detail_backlog:max", // there is no backlog
	"endpoint:omegastream_exporter_history_detail_backlog:max",
	"endpoint:omegastream_exporter_oldest_unfetched_event:seconds",
	"endpoint:omegastream_exporter_data_age:seconds", // no endpoint is behind
	"endpoint:webhook_endpoint_failing:seconds",      // the last delivery succeeded
}

func dashboards(t *testing.T) (all []dashboard, uses []use) {
	t.Helper()
	for _, file := range glob(t, "*-*.json") {
		if strings.HasPrefix(file, "package") {
			continue
		}
		var d dashboard
		if err := json.Unmarshal([]byte(read(t, file)), &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, d)
		var hours int
		if _, err := fmt.Sscanf(d.Time.From, "now-%dh", &hours); err != nil {
			t.Fatalf("%s: it starts at %s", file, d.Time.From)
		}
		first := len(uses)
		for _, p := range d.Panels {
			step, err := time.ParseDuration(p.Interval)
			if err != nil && len(p.Targets) > 0 {
				t.Errorf("%s: %s has the interval %q", file, p.Title, p.Interval)
			}
			for _, target := range p.Targets {
				if strings.Contains(target.Expr, "$__rate_interval") && step < 4*time.Minute {
					t.Errorf("%s: %s has a step of %v: with a scrape interval of a minute, a rate has too few samples", file, p.Title, step)
				}
				_, empty := emptyAtFirst[p.Title]
				// The query only fetches exemplars, or native histograms, which Prometheus
				// does not store here.
				empty = empty || strings.HasSuffix(target.Expr, "@ end() < 0") || strings.HasPrefix(target.Expr, "(sum (sum_over_time(job:webhook_delivery_latency_seconds:")
				// No endpoint is behind.
				empty = empty || strings.HasPrefix(target.Expr, "topk(10, endpoint:omegastream_exporter_") && !strings.Contains(target.Expr, " or ")
				uses = append(uses, use{where: file + ": " + p.Title, step: step, raw: target.Expr, instant: target.Instant, live: !empty, past: !empty || p.Title != "Latency" && p.Title != "Failures by status code", hours: hours, cell: p.Type == "table"})
			}
		}
		for _, a := range d.Annotations.List {
			// There are no backfilled alerts, and the only alerts that fire here are single
			// failures, which are not annotations.
			some := a.Name != "Alerts"
			step, err := time.ParseDuration(a.Target.Interval)
			if err != nil {
				t.Errorf("%s: annotation %s: %v", file, a.Name, err)
			}
			uses = append(uses, use{where: file + ": annotation " + a.Name, step: step, raw: a.Target.Expr, live: some, past: some, hours: hours})
		}
		for _, v := range d.Templating.List {
			if v.Type != "query" {
				continue
			}
			var q struct{ Query string }
			if err := json.Unmarshal(v.Query, &q); err != nil {
				t.Fatalf("%s: variable %s: %v", file, v.Name, err)
			}
			found := regexp.MustCompile(`^(label_values|query_result)\((.*?)(?:, ([a-z_]+))?\)$`).FindStringSubmatch(q.Query)
			if found == nil {
				t.Errorf("%s: variable %s: %s", file, v.Name, q.Query)
				continue
			}
			expr := found[2]
			if found[3] != "" {
				expr = fmt.Sprintf("group by (%s) (%s)", found[3], expr)
			}
			// The targets in these tests have neither a cluster nor a namespace.
			some := v.Name != "cluster" && v.Name != "namespace"
			uses = append(uses, use{where: file + ": variable " + v.Name, raw: expr, instant: true, live: some, past: some, hours: hours})
		}
		for i := range uses[first:] {
			uses[first+i].uid = d.UID
		}
	}
	if len(all) != 2 || len(uses) < 60 {
		t.Fatalf("%d dashboards with %d queries", len(all), len(uses))
	}
	return all, uses
}

// grafanaAlerts returns the queries of the provisioning files: a block after "expr: |-", or a
// quoted line.
func grafanaAlerts(t *testing.T) (uses []use) {
	t.Helper()
	block := regexp.MustCompile("(?m)^ *expr: (?:'(.*)'\n|\\|-\n((?:.*\n)+?)) *instant:")
	for _, file := range grafanaFiles(t) {
		for _, found := range block.FindAllStringSubmatch(read(t, file), -1) {
			expr := strings.ReplaceAll(found[1], "''", "'") + found[2]
			uses = append(uses, use{where: file, raw: expr})
		}
	}
	if len(uses) != len(alerts(t)) {
		t.Fatalf("found %d queries for %d alerts", len(uses), len(alerts(t)))
	}
	return uses
}

// runbookQueries returns the queries of the runbooks, which have one on each line.
func runbookQueries(t *testing.T) (uses []use) {
	t.Helper()
	for _, block := range regexp.MustCompile("(?s)```promql\n(.*?)```").FindAllStringSubmatch(read(t, "../docs/runbooks.md"), -1) {
		for _, line := range strings.Split(strings.TrimSpace(block[1]), "\n") {
			uses = append(uses, use{where: "docs/runbooks.md", raw: line})
		}
	}
	if len(uses) < len(alerts(t)) {
		t.Fatalf("%d queries in docs/runbooks.md", len(uses))
	}
	return uses
}

// TestQueries checks all queries of panels, variables, annotations, rules and alerts: they
// parse, use existing names, and find data.
func TestQueries(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
	known := names(t)
	all, uses := dashboards(t)
	uses = append(uses, grafanaAlerts(t)...)
	uses = append(uses, runbookQueries(t)...)
	for _, d := range all {
		for _, p := range d.Panels {
			if p.Type == "row" {
				continue
			}
			if p.ID == 0 || p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || p.FieldConfig.Defaults.NoValue == "" || p.FieldConfig.Defaults.Thresholds == nil || len(p.Targets) == 0 {
				t.Errorf("%s: panel %q lacks an id, a title, a description, a unit, thresholds, an empty state or a query", d.UID, p.Title)
			}
			// A panel without any series must not say that all is well.
			if says := p.FieldConfig.Defaults.NoValue; !slices.Contains([]string{"No data", "-"}, says) {
				t.Errorf("%s: panel %q says %q without data", d.UID, p.Title, says)
			}
		}
	}

	a, api, first, _ := account(t)
	e := startExporter(t, api)
	data, end := backfill(t)
	prom := startPrometheus(t, serverOptions{data: data}, e.address)
	var groups struct {
		Groups []struct {
			Rules []struct{ Name, Query string }
		}
	}
	eventually(t, 2*time.Minute, "the rules", func() error {
		err := prom.api("/api/v1/rules", nil, &groups)
		if err == nil && len(groups.Groups) < 4 {
			err = fmt.Errorf("%d groups", len(groups.Groups))
		}
		return err
	})
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			// Alerts find nothing while all is well, and a single instance is never behind.
			records := strings.Contains(r.Name, ":") && !slices.Contains(emptyRecords, r.Name)
			uses = append(uses, use{where: "rule " + r.Name, raw: r.Query, live: records})
		}
	}
	for _, u := range uses {
		var tree any
		if err := prom.api("/api/v1/parse_query", url.Values{"query": {u.expr()}}, &tree); err != nil {
			t.Errorf("%s: %v", u.where, err)
			continue
		}
		if _, err := check(tree, known); err != nil {
			t.Errorf("%s: %v\n%s", u.where, err, u.expr())
		}
		if found := multiplied(tree, wholeAccount, ""); len(found) > 0 {
			t.Errorf("%s: with replicas, it counts several times: %v\n%s", u.where, found, u.expr())
		}
		if u.past {
			askPast(t, prom, u, end)
		}
	}
	checkPast(t, prom, all, end)

	// The backfilled samples are recent enough for an instant query to find them.
	prom.wait(t, 2*time.Minute, `count(omegastream_up{job="omegastream"} == 1)`, "1")
	for _, answer := range []simulator.Answer{
		simulator.Responded(http.StatusOK), simulator.Responded(http.StatusServiceUnavailable), simulator.Responded(http.StatusNotFound),
		simulator.NoResponse(simulator.CauseTimeout), simulator.Responded(http.StatusOK),
	} {
		a.Emit(first, eventType, answer)
	}
	prom.wait(t, 2*time.Minute, `sum(webhook_deliveries_total{job="omegastream"})`, "5")
	for _, u := range uses {
		expr := u.expr()
		if !u.live {
			if _, err := prom.query(expr); err != nil {
				t.Errorf("%s: %v", u.where, err)
			}
			continue
		}
		eventually(t, 2*time.Minute, u.where+" has data", func() error {
			found, err := prom.query(expr)
			if err == nil && len(found) == 0 {
				err = errors.New(expr)
			}
			for _, s := range found {
				if name := s.Metric["__name__"]; u.cell && name != "" {
					return fmt.Errorf("%s: a row of its own for %s", expr, name)
				}
				if s.Value[1] == "NaN" && strings.HasPrefix(expr, "histogram_quantile") && len(found) > 1 {
					continue // an endpoint without observations
				}
				if s.Value[1] == "NaN" {
					err = fmt.Errorf("%s: %v", expr, s)
				}
			}
			return err
		})
	}
}
