package deploy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// What Prometheus scrapes from an exporter in trouble, a sample a minute.
const (
	deadReceiver = `
  - {series: 'omegastream_up{job="a",instance="x"}', values: '1x60'}
  - {series: 'omegastream_exporter_last_successful_sync_timestamp_seconds{job="a",instance="x"}', values: '0+60x60'}
  - {series: 'omegastream_exporter_endpoint_last_successful_sync_timestamp_seconds{job="a",instance="x",endpoint_id="e"}', values: '0+60x60'}
  - {series: 'omegastream_exporter_state_created_timestamp_seconds{job="a",instance="x"}', values: '0x60'}
  - {series: 'webhook_endpoint_info{job="a",instance="x",endpoint_id="e",url="hooks.example.com"}', values: '1x60'}
  - {series: 'webhook_endpoint_active{job="a",instance="x",endpoint_id="e"}', values: '1x60'}
  - {series: 'webhook_endpoint_consecutive_failures{job="a",instance="x",endpoint_id="e"}', values: '0+1x60'}
  - {series: 'webhook_endpoint_failing_since_timestamp_seconds{job="a",instance="x",endpoint_id="e"}', values: '0x60'}
  - {series: 'webhook_endpoint_last_failure_timestamp_seconds{job="a",instance="x",endpoint_id="e"}', values: '0+60x60'}
  - {series: 'webhook_endpoint_last_status_code{job="a",instance="x",endpoint_id="e"}', values: '503x60'}
  - {series: 'webhook_deliveries_total{job="a",instance="x",endpoint_id="e",event_type="video.deleted",status_code="503"}', values: '0+1x60'}
  - {series: 'webhook_delivery_failures_total{job="a",instance="x",endpoint_id="e",event_type="video.deleted",status_code="503"}', values: '0+1x60'}`
	unread = `
  - {series: 'omegastream_up{job="a",instance="x"}', values: '1x2 0x60'}
  - {series: 'omegastream_exporter_last_successful_sync_timestamp_seconds{job="a",instance="x"}', values: '0x60'}
  - {series: 'omegastream_exporter_endpoint_last_successful_sync_timestamp_seconds{job="a",instance="x",endpoint_id="e"}', values: '0x60'}
  - {series: 'omegastream_exporter_state_created_timestamp_seconds{job="a",instance="x"}', values: '0x60'}
  - {series: 'omegastream_exporter_state_failing{job="a",instance="x",reason="disk"}', values: '%dx60'}
  - {series: 'omegastream_api_requests_total{job="a",instance="x",operation="list_endpoints",code="%s"}', values: '0+3x60'}`
)

// TestChartLeavesNoGap checks that a change of one alert does not silence what others leave to
// it: whatever its threshold is, and without it, some alert reports the trouble.
func TestChartLeavesNoGap(t *testing.T) {
	t.Parallel()
	revoked, broken, unavailable := fmt.Sprintf(unread, 0, "401"), fmt.Sprintf(unread, 1, "none"), fmt.Sprintf(unread, 0, "503")
	// Two of three deliveries fail for half an hour, and then all of them.
	dying := strings.NewReplacer(
		"consecutive_failures{job=\"a\",instance=\"x\",endpoint_id=\"e\"}', values: '0+1x60", "consecutive_failures{job=\"a\",instance=\"x\",endpoint_id=\"e\"}', values: '"+strings.Repeat("0 1 2 ", 10)+"0+1x30",
		"since_timestamp_seconds{job=\"a\",instance=\"x\",endpoint_id=\"e\"}', values: '0x60", "since_timestamp_seconds{job=\"a\",instance=\"x\",endpoint_id=\"e\"}', values: '0+60x30 1800x30",
	).Replace(deadReceiver)
	disabled := func(name string) map[string]any {
		return map[string]any{"disabled": map[string]bool{name: true}}
	}
	threshold := func(name string, number float64) map[string]any {
		return map[string]any{"alerts": map[string]any{name: map[string]float64{"threshold": number}}}
	}
	const (
		failing, fast = "OmegaStreamEndpointFailing", "OmegaStreamErrorBudgetBurningFast"
		blind, stale  = "OmegaStreamExporterBlind", "OmegaStreamExporterStale"
		rejected      = "OmegaStreamAPIKeyRejected"
		state         = "OmegaStreamStateFailing"
		api           = "OmegaStreamAPIFailing"
	)
	for _, tt := range []struct {
		name, series string
		values       map[string]any
		minute       int
		want, silent string
	}{
		{"a dead receiver", deadReceiver, map[string]any{}, 40, failing, fast},
		{"a dead receiver below the threshold", deadReceiver, threshold(failing, 50), 40, fast, failing},
		{"a dead receiver above the threshold", deadReceiver, threshold(failing, 20), 40, failing, fast},
		{"a dead receiver without its alert", deadReceiver, disabled(failing), 40, fast, failing},
		{"a dying receiver without an alert about its budget", dying, disabled(fast), 50, failing, fast},
		{"a revoked key", revoked, map[string]any{}, 40, rejected, blind},
		{"a revoked key without its alert", revoked, disabled(rejected), 15, stale, rejected},
		{"a revoked key without its alert for long", revoked, disabled(rejected), 40, blind, rejected},
		{"a full disk", broken, map[string]any{}, 40, state, blind},
		{"a full disk without its alert", broken, disabled(state), 15, stale, state},
		{"a full disk without its alert for long", broken, disabled(state), 40, blind, state},
		{"an API that is away", unavailable, map[string]any{}, 40, blind, stale},
		{"an API that is away and blind later", unavailable, threshold(blind, 3000), 40, stale, blind},
		{"an API that is away and never blind", unavailable, disabled(blind), 40, stale, blind},
		{"an API that is away and stale later", unavailable, threshold(stale, 1500), 20, api, stale},
		{"an API that is away and never stale", unavailable, disabled(stale), 20, api, stale},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rules, err := json.Marshal(chartRules(t, tt.values))
			if err != nil {
				t.Fatal(err)
			}
			path := write(t, "rules.json", string(rules))
			test := fmt.Sprintf(`
rule_files: [%q]
evaluation_interval: 1m
tests:
- input_series:%s
  promql_expr_test:
  - expr: 'group by (alertname) (ALERTS{alertstate="firing",alertname=~"%s|%s"})'
    eval_time: %dm
    exp_samples: [{labels: '{alertname="%s"}', value: 1}]
`, path, tt.series, tt.want, tt.silent, tt.minute, tt.want)
			if _, err := output("", tool(t, "promtool"), "test", "rules", write(t, "test.yaml", test)); err != nil {
				t.Error(err)
			}
		})
	}
}
