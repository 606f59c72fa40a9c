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
	"strconv"
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
	"up":                            nil,
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
	where, raw string // the query as it stands there
	instant    bool
	live       bool // whether it must return data from an exporter that has run for seconds
	past       bool // whether it must return data from what was backfilled
	hours      int  // that its dashboard shows
}

// expr returns the query as it is asked of an exporter that runs: bars that end every
// few seconds, of what happened in the minute before.
func (u use) expr() string {
	return fill(u.raw, "omegastream", 5*time.Second, time.Minute, 10*time.Minute)
}

// fill puts in what Grafana puts in for variables.
func fill(raw, job string, interval, rate, span time.Duration) string {
	seconds := func(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }
	return strings.NewReplacer(
		"$__rate_interval_ms", seconds(rate)+"000", "$__interval_ms", seconds(interval)+"000", "$__range_s", seconds(span),
		"$__rate_interval", seconds(rate)+"s", "$__interval", seconds(interval)+"s", "$__range", seconds(span)+"s",
		"$job", "("+job+")", "$endpoint", ".*", "$event_type", ".*", "$status_code", ".*",
	).Replace(raw)
}

// dashboard is what the tests read of a dashboard.
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

// emptyAtFirst are panels that have nothing to show of an exporter that has run for
// seconds and is well, and why. They have data in what was backfilled, as all have.
var emptyAtFirst = map[string]string{
	"Recoveries":                                 "a failed delivery is asked for again after five minutes",
	"Outcomes never learned":                     "only where the API drops an event before its outcome",
	"Retries and bad answers":                    "only where the API fails",
	"Age of the oldest event without its detail": "only while there is a backlog",
	"List gaps":                                  "only where the API drops events",
	"Commit failures":                            "only where the disk fails",
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
			t.Fatalf("%s: it begins at %s", file, d.Time.From)
		}
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				_, empty := emptyAtFirst[p.Title]
				uses = append(uses, use{where: file + ": " + p.Title, raw: target.Expr, instant: target.Instant, live: !empty, past: true, hours: hours})
			}
		}
		for _, a := range d.Annotations.List {
			// Nothing has evaluated alerts in the past; the exporter that runs has failures.
			uses = append(uses, use{where: file + ": annotation " + a.Name, raw: a.Target.Expr, live: true, past: a.Name != "Alerts", hours: hours})
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
			uses = append(uses, use{where: file + ": variable " + v.Name, raw: expr, instant: true, live: true, past: true, hours: hours})
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
			uses = append(uses, use{where: file, raw: expr})
		}
	}
	if len(uses) != len(alerts(t)) {
		t.Fatalf("found %d queries for %d alerts", len(uses), len(alerts(t)))
	}
	return uses
}

// runbookQueries returns the queries of the runbooks: one a line.
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
		if f, ok := node["func"].(map[string]any); ok && (f["name"] == "label_join" || f["name"] == "label_replace") {
			labels = append(labels, node["args"].([]any)[1].(map[string]any)["val"].(string))
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

// multiplied returns the metrics of a parsed query that show the whole account on
// every instance, and whose instances are taken together by anything but the largest
// or the smallest: replicas would multiply them. keeps tells whether what is around
// the node may still take instances together.
func multiplied(node any, whole func(name string) bool, over string) (names []string) {
	switch node := node.(type) {
	case []any:
		for _, n := range node {
			names = append(names, multiplied(n, whole, over)...)
		}
	case map[string]any:
		switch node["type"] {
		case "vectorSelector", "matrixSelector":
			if name := fmt.Sprint(node["name"]); whole(name) && !slices.Contains([]string{"", "max", "min", "group"}, over) {
				names = append(names, over+" of "+name)
			}
			return names
		case "aggregation":
			labels, _ := node["grouping"].([]any)
			// The innermost one that drops the instance decides.
			if slices.Contains(labels, any("instance")) == (node["without"] == true) {
				over = fmt.Sprint(node["op"])
			}
			return multiplied(node["expr"], whole, over)
		}
		for _, key := range slices.Sorted(maps.Keys(node)) {
			names = append(names, multiplied(node[key], whole, over)...)
		}
	}
	return names
}

// wholeAccount tells whether every instance shows a metric of the whole account: what
// comes from the state, and is not the instance's own work.
func wholeAccount(name string) bool {
	for _, f := range collector.Families() {
		if base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count"); f.Name == base || f.Name == name {
			return slices.Contains(f.Labels, "endpoint_id") || slices.Contains([]string{
				"omegastream_account_info", "omegastream_exporter_last_successful_sync_timestamp_seconds", "omegastream_exporter_folded_event_types_total",
				"omegastream_exporter_state_resets_total", "omegastream_exporter_state_created_timestamp_seconds", "omegastream_up",
			}, f.Name)
		}
	}
	return false
}

// TestQueries checks every query of panels, variables, annotations, rules and
// alerts: it parses, names what there is, and finds data.
func TestQueries(t *testing.T) {
	t.Parallel()
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
	eventually(t, 10*time.Second, "the rules", func() error {
		err := prom.api("/api/v1/rules", nil, &groups)
		if err == nil && len(groups.Groups) < 4 {
			err = fmt.Errorf("%d groups", len(groups.Groups))
		}
		return err
	})
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			// An alert finds nothing where all is well, and no instance is behind where there is one.
			records := strings.Contains(r.Name, ":") && r.Name != "endpoint_instance:omegastream_exporter_behind:seconds"
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
			t.Errorf("%s: replicas would multiply it: %v\n%s", u.where, found, u.expr())
		}
		if u.past {
			askPast(t, prom, u, end)
		}
	}
	checkPast(t, prom, all, end)

	// What was backfilled is new enough to be found by a plain selector.
	prom.wait(t, 30*time.Second, `count(omegastream_up{job="omegastream"} == 1)`, "1")
	for _, answer := range []simulator.Answer{
		simulator.Responded(http.StatusOK), simulator.Responded(http.StatusServiceUnavailable), simulator.Responded(http.StatusNotFound),
		simulator.NoResponse(simulator.CauseTimeout), simulator.Responded(http.StatusOK),
	} {
		a.Emit(first, eventType, answer)
	}
	prom.wait(t, 30*time.Second, `sum(webhook_deliveries_total{job="omegastream"})`, "5")
	for _, u := range uses {
		expr := u.expr()
		if !u.live {
			if _, err := prom.query(expr); err != nil {
				t.Errorf("%s: %v", u.where, err)
			}
			continue
		}
		eventually(t, 15*time.Second, u.where+" has data", func() error {
			found, err := prom.query(expr)
			if err == nil && len(found) == 0 {
				err = errors.New(expr)
			}
			for _, s := range found {
				if s.Value[1] == "NaN" && strings.HasPrefix(expr, "histogram_quantile") && len(found) > 1 {
					continue // an endpoint without an observation
				}
				if s.Value[1] == "NaN" {
					err = fmt.Errorf("%s: %v", expr, s)
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
	prom := startPrometheus(t, serverOptions{withoutRules: true})
	for expr, want := range map[string]string{
		`max by (endpoint_id) (increase(a_total{job="x"}[5m]))`: "",
		`a_totals`:                                    "no metric a_totals",
		`a_total{code="1"}`:                           "a_total has no label code",
		`sum by (event_type) (a_total)`:               "label event_type is on no metric below it",
		`a_total / on (url) a_total`:                  "label url is on no metric below it",
		`a_total * on (job) group_left (url) a_total`: "label url is on no metric below it",
		`rate(b_total[5m])`:                           "no metric b_total",
		`max by (x) (label_join(a_total, "x", " ", "endpoint_id"))`: "",
		`max by (y) (label_join(a_total, "x", " ", "endpoint_id"))`: "label y is on no metric below it",
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

// TestMultiplied lets the check of aggregations meet what it must refuse.
func TestMultiplied(t *testing.T) {
	t.Parallel()
	prom := startPrometheus(t, serverOptions{withoutRules: true})
	for expr, want := range map[string]string{
		`sum(max by (endpoint_id) (webhook_events_total))`:                             "[]",
		`sum(sum without (event_type) (increase(webhook_events_total[5m])))`:           "[sum of webhook_events_total]",
		`max by (endpoint_id) (sum without (event_type) (webhook_events_total))`:       "[]",
		`max by (endpoint_id) (sum by (endpoint_id) (webhook_events_total))`:           "[sum of webhook_events_total]",
		`max by (endpoint_id) (sum by (endpoint_id, instance) (webhook_events_total))`: "[]",
		`sum without (instance) (webhook_delivery_latency_seconds_bucket)`:             "[sum of webhook_delivery_latency_seconds_bucket]",
		`count(webhook_endpoint_active) - sum(omegastream_api_requests_total)`:         "[count of webhook_endpoint_active]",
		`sum_over_time((avg by (endpoint_id) (webhook_deliveries_pending))[1h:1m])`:    "[avg of webhook_deliveries_pending]",
		`webhook_endpoint_active unless on (endpoint_id) webhook_endpoint_info`:        "[]",
		`max by (job) (omegastream_up) / quantile by (job) (0.5, omegastream_up)`:      "[quantile of omegastream_up]",
	} {
		var tree any
		if err := prom.api("/api/v1/parse_query", url.Values{"query": {expr}}, &tree); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(multiplied(tree, wholeAccount, "")); got != want {
			t.Errorf("%s: %s, want %s", expr, got, want)
		}
	}
}
