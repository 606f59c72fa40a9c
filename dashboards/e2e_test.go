package dashboards_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
)

const eventType = "video.process_succeeded"

// account returns an account with two endpoints. The second one has failures only in its
// history: if they were counted as new, 404s would appear.
func account(t *testing.T) (a *simulator.Account, api, first, second string) {
	t.Helper()
	a = simulator.New(simulator.Options{})
	first = a.AddEndpoint(simulator.Endpoint{URL: "https://shop.example.com/hooks"})
	second = a.AddEndpoint(simulator.Endpoint{URL: "https://old.example.com/hooks"})
	for i := range 20 {
		at := time.Now().Add(-time.Duration(30-i) * time.Minute)
		for id, code := range map[string]int{first: http.StatusOK, second: http.StatusNotFound} {
			if i > 15 {
				code = http.StatusOK
			}
			a.Insert(id, simulator.Event{Type: eventType, CreatedTime: at, Answers: []simulator.Answer{simulator.Responded(code)}})
		}
	}
	a.Mark()
	api, stop, err := simulator.Serve(a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return a, api, first, second
}

// failures returns how many deliveries of an account failed.
func failures(a *simulator.Account) (n int) {
	for code, count := range a.Truth().Sum("").Outcomes {
		if !strings.HasPrefix(code, "2") {
			n += count
		}
	}
	return n
}

// TestEndToEnd runs an account, exporters, Prometheus with the rules, and Alertmanager with
// the example configuration, and checks the notifications.
func TestEndToEnd(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		exporters int
	}{{"one exporter", 1}, {"two exporters", 2}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, api, first, second := account(t)
			var exporters []*exporter
			var targets []string
			for range tt.exporters {
				e := startExporter(t, api)
				exporters, targets = append(exporters, e), append(targets, e.address)
			}
			told := startReceiver(t)
			prom := startPrometheus(t, serverOptions{alertmanager: startAlertmanager(t, told)}, targets...)

			const total = `round(sum(max by (endpoint_id, event_type, status_code) (increase(webhook_delivery_failures_total[10m]))))`
			t.Cleanup(func() {
				if t.Failed() {
					history, _ := get(prom.base + "/api/v1/query?query=" + url.QueryEscape(`webhook_delivery_failures_total[5m]`))
					t.Logf("what Prometheus scraped: %s", history)
				}
			})
			counted := func(what string) {
				t.Helper()
				eventually(t, 2*time.Minute, what, func() error {
					got, err := prom.number(total)
					if want := fmt.Sprint(failures(a)); err == nil && got != want {
						err = fmt.Errorf("Prometheus counts %s failures, the account had %s", got, want)
					}
					return err
				})
			}
			fails := func(code string) func() error {
				return func() error {
					if found := told.received(map[string]string{"alertname": "OmegaStreamDeliveryFailed", "endpoint_id": first, "status_code": code}); len(found) == 0 {
						return fmt.Errorf("notified so far: %v", told.received(nil))
					}
					return nil
				}
			}

			// The first failure of a label set.
			prom.wait(t, 2*time.Minute, "count(omegastream_up == 1)", fmt.Sprint(tt.exporters))
			failure := a.Emit(first, eventType, simulator.Responded(http.StatusServiceUnavailable))
			eventually(t, 2*time.Minute, "the first 503 is notified", fails("503"))
			alert := told.received(map[string]string{"status_code": "503"})[0]
			want := "1 of the deliveries of video.process_succeeded to shop.example.com (endpoint " + first + ") failed in the last 10 minutes with status code 503 (none: no HTTP response)."
			if alert["description"] != want {
				t.Errorf("description:\n got %s\nwant %s", alert["description"], want)
			}
			if alert["path"] != "/people" {
				t.Errorf("it was sent to %s", alert["path"])
			}
			counted("the first failure is counted once")
			lists(t, alert, failure)

			// More failures, and successes.
			for range 3 {
				a.Emit(first, eventType, simulator.Responded(http.StatusServiceUnavailable))
				a.Emit(first, eventType, simulator.Responded(http.StatusOK))
			}
			failure = a.Emit(first, "video.deleted", simulator.Responded(http.StatusInternalServerError))
			a.Emit(first, eventType, simulator.Responded(http.StatusOK))
			eventually(t, 2*time.Minute, "the 500 is notified", fails("500"))
			lists(t, told.received(map[string]string{"status_code": "500"})[0], failure)
			counted("more failures are counted")

			// The exporter is killed, and a delivery fails meanwhile.
			exporters[0].kill()
			a.Emit(first, eventType, simulator.Responded(http.StatusServiceUnavailable))
			a.Emit(first, eventType, simulator.Responded(http.StatusOK))
			exporters[0].start(t)
			// Check the counters themselves: increase() extrapolates a lot for a series that
			// is a few seconds old.
			prom.wait(t, 2*time.Minute, `sum(max by (endpoint_id, event_type, status_code) (webhook_delivery_failures_total))`, fmt.Sprint(failures(a)))
			counted("a failure during downtime is counted")

			// The exporter loses its state, and the API its history.
			exporters[0].kill()
			if err := os.Remove(exporters[0].state); err != nil {
				t.Fatal(err)
			}
			exporters[0].start(t)
			prom.wait(t, 2*time.Minute, fmt.Sprintf(`count(omegastream_up{instance=%q} == 1)`, exporters[0].address), "1")
			a.Forget(first, time.Now().Add(-5*time.Minute))
			a.Forget(second, time.Now())
			time.Sleep(6 * time.Second) // nothing must happen
			counted("a lost state counts nothing twice")
			a.Emit(first, eventType, simulator.Responded(http.StatusServiceUnavailable))
			counted("a failure after that is counted")

			for _, alert := range told.received(map[string]string{"alertname": "OmegaStreamDeliveryFailed"}) {
				if key := alert["endpoint_id"] + " " + alert["status_code"]; key != first+" 503" && key != first+" 500" {
					t.Errorf("notified of a failure that did not happen: %v", alert)
				}
			}
			onlyFired(t, prom, "DeliveryFailed|StateReset")
			rules(t, prom)
		})
	}
}

// lists follows the links of an alert as a person does: the page of its failures lists
// exactly the events that the alert has counted.
func lists(t *testing.T, alert map[string]string, events ...string) {
	t.Helper()
	link := alert["failures_url"]
	page, err := get(link)
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for _, found := range regexp.MustCompile(`data-event="([^"]+)"`).FindAllStringSubmatch(string(page), -1) {
		shown = append(shown, found[1])
	}
	if slices.Sort(shown); !slices.Equal(shown, slices.Sorted(slices.Values(events))) {
		t.Errorf("%s lists %v, the account had %v", link, shown, events)
	}
	rows, err := get(link + "&format=ndjson")
	if err != nil {
		t.Fatal(err)
	}
	var exported []string
	for line := range bytes.Lines(rows) {
		var row struct {
			Event string `json:"event_id"`
			Code  int    `json:"status_code"`
		}
		if err := json.Unmarshal(line, &row); err != nil || fmt.Sprint(row.Code) != alert["status_code"] {
			t.Errorf("%s: %s: %v", link, line, err)
		}
		exported = append(exported, row.Event)
	}
	if slices.Sort(exported); !slices.Equal(exported, shown) {
		t.Errorf("%s exports %v", link, exported)
	}
	runbook, err := get(alert["runbook_url"])
	if section := `id="` + alert["alertname"] + `"`; err != nil || !strings.Contains(string(runbook), section) {
		t.Errorf("%s has no %s: %v", alert["runbook_url"], section, err)
	}
}

// onlyFired checks that only alerts that match a pattern have fired.
func onlyFired(t *testing.T, prom *prometheus, pattern string) {
	t.Helper()
	fired, err := prom.query(fmt.Sprintf(`count by (alertname) (count_over_time(ALERTS{alertstate="firing", alertname!~"OmegaStream(%s)"}[10m]))`, pattern))
	if err != nil || len(fired) > 0 {
		t.Errorf("other alerts fired: %v, %v", fired, err)
	}
}

// rules checks that Prometheus evaluates every rule.
func rules(t *testing.T, prom *prometheus) {
	t.Helper()
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	if err := prom.api("/api/v1/rules", nil, &data); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, group := range data.Groups {
		for _, rule := range group.Rules {
			n++
			if rule.Health != "ok" {
				t.Errorf("rule %s: %s %s", rule.Name, rule.Health, rule.LastError)
			}
		}
	}
	if n < 40 {
		t.Errorf("Prometheus has %d rules", n)
	}
}

// TestInhibitions posts alerts to Alertmanager and checks which ones it sends.
func TestInhibitions(t *testing.T) {
	t.Parallel()
	told := startReceiver(t)
	address := startAlertmanager(t, told)
	post := func(alerts ...map[string]string) {
		t.Helper()
		var body []map[string]any
		for _, labels := range alerts {
			body = append(body, map[string]any{"labels": labels})
		}
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Post("http://"+address+"/api/v2/alerts", "application/json", bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status)
		}
	}
	labels := func(name, namespace, id string) map[string]string {
		return map[string]string{"alertname": "OmegaStream" + name, "cluster": "c", "namespace": namespace, "job": "omegastream", "endpoint_id": id, "severity": "warning"}
	}
	post(
		labels("EndpointFailing", "prod", "e1"), labels("ErrorBudgetBurningFast", "prod", "e1"), labels("DeliveryFailed", "prod", "e1"),
		labels("DeliveryFailed", "prod", "e2"), labels("DeliveryFailed", "staging", "e1"),
		labels("APIKeyRejected", "prod", ""), labels("DetailBacklog", "prod", ""), labels("StateReset", "prod", ""),
		labels("ExporterStale", "staging", ""),
	)
	state := func() map[string]string {
		t.Helper()
		body, err := get("http://" + address + "/api/v2/alerts?" + url.Values{"active": {"true"}}.Encode())
		if err != nil {
			t.Fatal(err)
		}
		var alerts []struct {
			Labels map[string]string
			Status struct{ State string }
		}
		if err := json.Unmarshal(body, &alerts); err != nil {
			t.Fatal(err)
		}
		states := make(map[string]string)
		for _, a := range alerts {
			states[strings.TrimSpace(strings.TrimPrefix(a.Labels["alertname"], "OmegaStream")+" "+a.Labels["namespace"]+" "+a.Labels["endpoint_id"])] = a.Status.State
		}
		return states
	}
	expect := func(want string) {
		t.Helper()
		eventually(t, 2*time.Minute, "the notified alerts", func() error {
			states := state()
			var active []string
			for _, alert := range slices.Sorted(maps.Keys(states)) {
				if states[alert] == "active" {
					active = append(active, alert)
				}
			}
			if got := strings.Join(active, ", "); got != want {
				return fmt.Errorf("%q of %v", got, states)
			}
			return nil
		})
	}
	expect("APIKeyRejected prod, DeliveryFailed prod e2, DeliveryFailed staging e1, EndpointFailing prod e1, ExporterStale staging, StateReset prod")
	// An exporter that is down in one environment does not inhibit alerts of the other.
	post(labels("ExporterDown", "staging", ""))
	expect("APIKeyRejected prod, DeliveryFailed prod e2, EndpointFailing prod e1, ExporterDown staging, StateReset prod")
	post(labels("ExporterDown", "prod", ""))
	expect("ExporterDown prod, ExporterDown staging")
}

// TestInfoInhibitor checks which alerts pass the inhibitions of kube-prometheus-stack, whose
// InfoInhibitor suppresses alerts with severity=info.
func TestInfoInhibitor(t *testing.T) {
	t.Parallel()
	told := startReceiver(t)
	address := startAlertmanagerWith(t, fmt.Sprintf(`
route: {receiver: people, group_by: [alertname], group_wait: 100ms, group_interval: 1s}
inhibit_rules:
  - {source_matchers: [severity = critical], target_matchers: ["severity =~ warning|info"], equal: [namespace, alertname]}
  - {source_matchers: [severity = warning], target_matchers: [severity = info], equal: [namespace, alertname]}
  - {source_matchers: [alertname = InfoInhibitor], target_matchers: [severity = info], equal: [namespace]}
receivers: [{name: people, webhook_configs: [{url: '%s/people'}]}]
`, told.server.URL))
	severities := regexp.MustCompile(`(?m)- alert: (\S+)\n(?:.*\n)+?\s+severity: (\S+)$`).FindAllStringSubmatch(read(t, "rules/omegastream.rules.yaml"), -1)
	alerts := []map[string]any{{"labels": map[string]string{"alertname": "InfoInhibitor", "namespace": "monitoring", "severity": "none"}}}
	for _, found := range severities {
		alerts = append(alerts, map[string]any{"labels": map[string]string{"alertname": found[1], "namespace": "monitoring", "severity": found[2]}})
	}
	text, err := json.Marshal(alerts)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Post("http://"+address+"/api/v2/alerts", "application/json", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	for _, found := range severities {
		eventually(t, 2*time.Minute, found[1]+" reaches people", func() error {
			if len(told.received(map[string]string{"alertname": found[1]})) == 0 {
				return errors.New("Alertmanager does not show it")
			}
			return nil
		})
	}
}
