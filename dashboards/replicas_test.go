package dashboards_test

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"omegastream_exporter/collector"
)

// multiplied returns the metrics in a parsed query that replicas would count several times:
// every instance shows them for the whole account, and the query combines instances other
// than by max or min. whole reports whether a metric is such a one; over is the operator that
// combines the node's instances, if any.
func multiplied(node any, whole func(name string) bool, over string) (names []string) {
	switch node := node.(type) {
	case []any:
		for _, n := range node {
			names = append(names, multiplied(n, whole, over)...)
		}
	case map[string]any:
		switch node["type"] {
		case "vectorSelector", "matrixSelector":
			allowed := []string{"", "max", "min", "group"}
			if node["name"] == "webhook_delivery_latency_seconds" {
				allowed = append(allowed, "avg") // native histograms have no max
			}
			if name := fmt.Sprint(node["name"]); whole(name) && !slices.Contains(allowed, over) {
				names = append(names, over+" of "+name)
			}
			return names
		case "aggregation":
			labels, _ := node["grouping"].([]any)
			// The innermost aggregation that drops the instance decides.
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

// wholeAccount reports whether every instance shows a metric for the whole account: it comes
// from the state, and does not describe the instance's own work.
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

// TestMultiplied tests the check of aggregations with wrong ones.
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
