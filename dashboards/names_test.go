package dashboards_test

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"omegastream_exporter/collector"
)

// foreign lists the series of others that rules and dashboards use, with their labels.
var foreign = map[string][]string{
	"ALERTS":                        {"alertname", "alertstate", "severity", "endpoint_id", "host"},
	"up":                            nil,
	"process_start_time_seconds":    nil,
	"process_resident_memory_bytes": nil,
	"go_goroutines":                 nil,
}

// targetLabels are the labels that Prometheus adds to every series.
var targetLabels = []string{"job", "instance", "cluster", "namespace"}

// names returns every series that queries can use, with its labels.
func names(t *testing.T) map[string][]string {
	t.Helper()
	known := maps.Clone(foreign)
	for _, f := range collector.Families() {
		if f.Type == "histogram" {
			known[f.Name+"_bucket"] = append([]string{"le"}, f.Labels...)
			known[f.Name+"_sum"], known[f.Name+"_count"] = f.Labels, f.Labels
		}
		known[f.Name] = f.Labels // if Prometheus stores a native histogram
	}
	for _, found := range regexp.MustCompile(`(?m)- record: (\S+)$`).FindAllStringSubmatch(read(t, "rules/omegastream.rules.yaml"), -1) {
		known[found[1]] = []string{"endpoint_id"}
		switch {
		case strings.HasSuffix(found[1], ":bar5m"):
			known[found[1]] = append(known[found[1]], "event_type", "status_code", "reason", "le")
		case strings.HasSuffix(found[1], ":host"):
			known[found[1]] = append(known[found[1]], "host", "description")
		}
	}
	return known
}

// check checks the names and labels of a parsed query, and returns the labels that its series
// can have.
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

// TestCheck tests the check of queries with wrong ones.
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
