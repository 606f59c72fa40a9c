package dashboards_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/collector"
	"omegastream_exporter/internal/simulator"
)

// foreign are the series that rules and dashboards may name besides the exporter's
// own families, with their labels.
var foreign = map[string][]string{
	"ALERTS":                        {"alertname", "alertstate", "severity", "endpoint_id", "status_code"},
	"process_start_time_seconds":    nil,
	"process_resident_memory_bytes": nil,
	"go_goroutines":                 nil,
}

// targetLabels are those that a scrape gives to every series.
var targetLabels = []string{"job", "instance", "cluster", "namespace"}

// names returns every series that may be named, with its labels.
func names(t *testing.T) map[string][]string {
	t.Helper()
	known := maps.Clone(foreign)
	for _, f := range collector.Families() {
		if f.Type == "histogram" {
			known[f.Name+"_bucket"] = append([]string{"le"}, f.Labels...)
			known[f.Name+"_sum"], known[f.Name+"_count"] = f.Labels, f.Labels
			continue
		}
		known[f.Name] = f.Labels
	}
	for _, found := range regexp.MustCompile(`(?m)- record: (\S+)$`).FindAllStringSubmatch(read(t, "rules/omegastream.rules.yaml"), -1) {
		known[found[1]] = []string{"endpoint_id"}
	}
	return known
}

// use is one query of a file.
type use struct {
	where, expr string
	data        bool // whether it must return data
}

// dashboard is what the tests read of a dashboard.
type dashboard struct {
	UID    string
	Panels []struct {
		ID                                 int
		Type, Title, Description, Interval string
		Targets                            []struct{ Expr, LegendFormat string }
		FieldConfig                        struct {
			Defaults struct {
				Unit, NoValue string
				Thresholds    *struct{ Steps []any }
			}
		}
	}
	Templating struct {
		List []struct {
			Name, Type string
			Query      json.RawMessage
		}
	}
	Annotations struct {
		List []struct {
			Name   string
			Target struct{ Expr string }
		}
	}
}

// mayBeEmpty are panels that have nothing to show where all is well, and why.
var mayBeEmpty = map[string]string{
	"Recoveries":                                 "a failed delivery is asked for again after five minutes",
	"Outcomes never learned":                     "only where the API drops an event before its outcome",
	"Retries and bad answers":                    "only where the API fails",
	"Age of the oldest event without its detail": "only while there is a backlog",
	"List gaps":                                  "only where the API drops events",
	"Commit failures":                            "only where the disk fails",
}

// variables are what Grafana fills in.
var variables = strings.NewReplacer(
	"$__rate_interval_ms", "60000", "$__interval_ms", "30000", "$__rate_interval", "60s", "$__interval", "30s", "$__range", "10m",
	"$job", "(omegastream)", "$endpoint", ".*", "$event_type", ".*", "$status_code", ".*",
)

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
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				_, exception := mayBeEmpty[p.Title]
				uses = append(uses, use{file + ": " + p.Title, variables.Replace(target.Expr), !exception})
			}
		}
		for _, a := range d.Annotations.List {
			uses = append(uses, use{file + ": annotation " + a.Name, variables.Replace(a.Target.Expr), a.Name != "Alerts"})
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
			uses = append(uses, use{file + ": variable " + v.Name, variables.Replace(expr), true})
		}
	}
	if len(all) != 2 || len(uses) < 60 {
		t.Fatalf("%d dashboards with %d queries", len(all), len(uses))
	}
	return all, uses
}

// grafanaAlerts returns the queries of the provisioning files, in which a block
// follows "expr: |-" and a line stands in quotes.
func grafanaAlerts(t *testing.T) (uses []use) {
	t.Helper()
	block := regexp.MustCompile("(?m)^ *expr: (?:'(.*)'\n|\\|-\n((?:.*\n)+?)) *instant:")
	for _, file := range grafanaFiles(t) {
		for _, found := range block.FindAllStringSubmatch(read(t, file), -1) {
			expr := strings.ReplaceAll(found[1], "''", "'") + found[2]
			uses = append(uses, use{file, expr, false})
		}
	}
	if len(uses) != len(alerts(t)) {
		t.Fatalf("found %d queries for %d alerts", len(uses), len(alerts(t)))
	}
	return uses
}

// check checks the names and labels of a parsed query, and returns the labels that
// its series may have.
func check(node any, known map[string][]string) (labels []string, err error) {
	switch node := node.(type) {
	case []any:
		for _, n := range node {
			l, e := check(n, known)
			labels, err = append(labels, l...), errors.Join(err, e)
		}
	case map[string]any:
		if kind := node["type"]; kind == "vectorSelector" || kind == "matrixSelector" {
			name := fmt.Sprint(node["name"])
			own, ok := known[name]
			if !ok {
				return nil, fmt.Errorf("no metric %s", name)
			}
			labels = append(append([]string{"__name__"}, targetLabels...), own...)
			for _, m := range node["matchers"].([]any) {
				if label := m.(map[string]any)["name"].(string); !slices.Contains(labels, label) {
					err = errors.Join(err, fmt.Errorf("%s has no label %s", name, label))
				}
			}
			return labels, err
		}
		for _, key := range slices.Sorted(maps.Keys(node)) {
			if key != "grouping" && key != "matching" {
				l, e := check(node[key], known)
				labels, err = append(labels, l...), errors.Join(err, e)
			}
		}
		wanted, _ := node["grouping"].([]any)
		if matching, ok := node["matching"].(map[string]any); ok {
			for _, key := range []string{"labels", "include"} {
				more, _ := matching[key].([]any)
				wanted = append(wanted, more...)
			}
		}
		for _, label := range wanted {
			if !slices.Contains(labels, label.(string)) {
				err = errors.Join(err, fmt.Errorf("label %v is on no metric below it", label))
			}
		}
	}
	return labels, err
}

// TestQueries checks every query of panels, variables, annotations, rules and
// alerts: it parses, names what there is, and finds data.
func TestQueries(t *testing.T) {
	t.Parallel()
	known := names(t)
	all, uses := dashboards(t)
	uses = append(uses, grafanaAlerts(t)...)
	for _, d := range all {
		for _, p := range d.Panels {
			if p.Type == "row" {
				continue
			}
			if p.ID == 0 || p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || p.FieldConfig.Defaults.NoValue == "" || len(p.Targets) == 0 {
				t.Errorf("%s: panel %q lacks an id, a title, a description, a unit, an empty state or a query", d.UID, p.Title)
			}
		}
	}

	a, api, first, _ := account(t)
	e := startExporter(t, api)
	prom := startPrometheus(t, "", e.address)
	var groups struct {
		Groups []struct {
			Rules []struct{ Name, Query string }
		}
	}
	eventually(t, 10*time.Second, "the rules", func() error {
		err := prom.api("/api/v1/rules", nil, &groups)
		if err == nil && len(groups.Groups) < 4 {
			err = fmt.Errorf("%d groups", len(groups.Groups))
		}
		return err
	})
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			uses = append(uses, use{"rule " + r.Name, r.Query, false})
		}
	}
	for _, u := range uses {
		var tree any
		if err := prom.api("/api/v1/parse_query", url.Values{"query": {u.expr}}, &tree); err != nil {
			t.Errorf("%s: %v", u.where, err)
			continue
		}
		if _, err := check(tree, known); err != nil {
			t.Errorf("%s: %v\n%s", u.where, err, u.expr)
		}
	}

	prom.wait(t, 30*time.Second, "count(omegastream_up == 1)", "1")
	for _, answer := range []simulator.Answer{
		simulator.Responded(http.StatusOK), simulator.Responded(http.StatusServiceUnavailable), simulator.Responded(http.StatusNotFound),
		simulator.NoResponse(simulator.CauseTimeout), simulator.Responded(http.StatusOK),
	} {
		a.Emit(first, eventType, answer)
	}
	prom.wait(t, 30*time.Second, "sum(webhook_deliveries_total)", "5")
	for _, u := range uses {
		if !u.data {
			if _, err := prom.query(u.expr); err != nil {
				t.Errorf("%s: %v", u.where, err)
			}
			continue
		}
		eventually(t, 15*time.Second, u.where+" has data", func() error {
			found, err := prom.query(u.expr)
			if err == nil && len(found) == 0 {
				err = errors.New(u.expr)
			}
			for _, s := range found {
				if s.Value[1] == "NaN" && strings.HasPrefix(u.expr, "histogram_quantile") && len(found) > 1 {
					continue // an endpoint without an observation
				}
				if s.Value[1] == "NaN" {
					err = fmt.Errorf("%s: %v", u.expr, s)
				}
			}
			return err
		})
	}
}

// TestCheck lets the check of queries meet what it must refuse.
func TestCheck(t *testing.T) {
	t.Parallel()
	known := map[string][]string{"a_total": {"endpoint_id"}}
	prom := startPrometheus(t, "", "127.0.0.1:1")
	for expr, want := range map[string]string{
		`max by (endpoint_id) (increase(a_total{job="x"}[5m]))`: "",
		`a_totals`:                                    "no metric a_totals",
		`a_total{code="1"}`:                           "a_total has no label code",
		`sum by (event_type) (a_total)`:               "label event_type is on no metric below it",
		`a_total / on (url) a_total`:                  "label url is on no metric below it",
		`a_total * on (job) group_left (url) a_total`: "label url is on no metric below it",
		`rate(b_total[5m])`:                           "no metric b_total",
	} {
		var tree any
		if err := prom.api("/api/v1/parse_query", url.Values{"query": {expr}}, &tree); err != nil {
			t.Fatal(err)
		}
		_, err := check(tree, known)
		if got := fmt.Sprint(err); want == "" && err != nil || want != "" && got != want {
			t.Errorf("%s: %v, want %s", expr, err, want)
		}
	}
}
