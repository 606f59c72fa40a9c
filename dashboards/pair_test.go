package dashboards_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
)

// TestPair runs two exporters, and a pair of Prometheus servers that scrape both and share
// one Alertmanager. Neither server counts twice, and people get one notification. Then one
// exporter comes back under a new instance with its state.
func TestPair(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
	a, api, first, second := account(t)
	moved, stays := startExporter(t, api), startExporter(t, api)
	elsewhere := freeAddress(t)
	told := startReceiver(t)
	alertmanager := startAlertmanager(t, told)
	var pair []*prometheus
	for _, replica := range []string{"one", "two"} {
		pair = append(pair, startPrometheus(t, serverOptions{
			alertmanager: alertmanager,
			// See
			// https://prometheus.io/docs/prometheus/latest/configuration/configuration/#alert_relabel_configs
			global:   fmt.Sprintf("  external_labels: {cluster: test, replica: %s}\n", replica),
			alerting: "  alert_relabel_configs: [{regex: replica, action: labeldrop}]\n",
		}, moved.address, stays.address, elsewhere))
	}
	both := func(limit time.Duration, expr, value string) {
		t.Helper()
		for _, prom := range pair {
			prom.wait(t, limit, expr, value)
		}
	}
	counted := func() {
		t.Helper()
		// Check the counters themselves, and what rules and dashboards make of them.
		want := fmt.Sprint(failures(a))
		both(2*time.Minute, `sum(max by (endpoint_id, event_type, status_code) (webhook_delivery_failures_total))`, want)
		both(2*time.Minute, `round(sum(endpoint:webhook_delivery_failures:increase30m))`, want)
	}
	tellsOnce := func(endpoint, code string) {
		t.Helper()
		labels := map[string]string{"alertname": "OmegaStreamDeliveryFailed", "endpoint_id": endpoint, "status_code": code}
		eventually(t, 2*time.Minute, code+" is notified", func() error {
			if len(told.received(labels)) == 0 {
				return fmt.Errorf("notified so far: %v", told.received(nil))
			}
			return nil
		})
		for _, prom := range pair {
			prom.wait(t, 2*time.Minute, fmt.Sprintf(`count(ALERTS{alertstate="firing", endpoint_id=%q, status_code=%q})`, endpoint, code), "1")
		}
	}

	both(2*time.Minute, "count(omegastream_up == 1)", "2")
	a.Emit(first, eventType, simulator.Responded(http.StatusServiceUnavailable))
	a.Emit(first, eventType, simulator.Responded(http.StatusOK))
	tellsOnce(first, "503")
	counted()

	// One exporter is killed, a delivery fails meanwhile, and it comes back at another
	// address.
	moved.kill()
	a.Emit(first, eventType, simulator.Responded(http.StatusServiceUnavailable))
	a.Emit(first, eventType, simulator.Responded(http.StatusOK))
	moved.address = elsewhere
	moved.start(t)
	both(2*time.Minute, fmt.Sprintf(`count(omegastream_up{instance=%q} == 1)`, elsewhere), "1")
	counted()
	a.Emit(second, eventType, simulator.Responded(http.StatusInternalServerError))
	a.Emit(second, eventType, simulator.Responded(http.StatusOK))
	tellsOnce(second, "500")
	counted()

	for _, alert := range told.received(nil) {
		if alert["replica"] != "" || alert["cluster"] != "test" {
			t.Errorf("the alert has labels of the server: %v", alert)
		}
	}
	// The second alert joins the group of the first, which is sent once more with it.
	if all := told.received(nil); len(all) > 3 || len(told.received(map[string]string{"status_code": "500"})) != 1 {
		t.Errorf("two alerts of one group led to %d notifications:", len(all))
		for _, alert := range all {
			t.Errorf("%s %s %s: %s", alert["alertname"], alert["endpoint_id"], alert["status_code"], alert["description"])
		}
	}
	for _, prom := range pair {
		onlyFired(t, prom, "DeliveryFailed")
		rules(t, prom)
	}
}
