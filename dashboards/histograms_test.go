package dashboards_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
)

// TestHistogramOptions checks that every panel and record has the same series in Prometheus,
// however it is configured to store histograms.
func TestHistogramOptions(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
	a, api, first, _ := account(t)
	e := startExporter(t, api)
	var servers []*prometheus
	options := []string{"", "  scrape_native_histograms: true\n", "  convert_classic_histograms_to_nhcb: true\n"}
	for _, option := range options {
		prom := startPrometheus(t, serverOptions{global: option}, e.address)
		prom.wait(t, 2*time.Minute, "count(omegastream_up == 1)", "1")
		servers = append(servers, prom)
	}
	for _, answer := range []simulator.Answer{
		simulator.Responded(http.StatusOK), simulator.Responded(http.StatusServiceUnavailable),
		simulator.NoResponse(simulator.CauseTimeout), simulator.Responded(http.StatusOK),
	} {
		a.Emit(first, eventType, answer)
	}
	_, uses := dashboards(t)
	for _, record := range recordNames(t) {
		// Only one of the two exists, depending on what Prometheus stores.
		if !strings.Contains(record, ":webhook_delivery_latency_seconds") {
			uses = append(uses, use{where: "record " + record, raw: record})
		}
	}
	for i, prom := range servers {
		prom.wait(t, 2*time.Minute, "sum(webhook_deliveries_total)", "4")
		stored, err := prom.query(`count(webhook_delivery_latency_seconds) > 0`)
		if converted := i == 2; err != nil || (len(stored) > 0) != converted {
			t.Fatalf("with %q the latency is stored as %v, %v", options[i], stored, err)
		}
	}
	for i, prom := range servers[1:] {
		eventually(t, 2*time.Minute, "equal panels with "+strings.TrimSpace(options[i+1]), func() error {
			want, err := shown(servers[0], uses)
			if err != nil {
				return err
			}
			got, err := shown(prom, uses)
			if err != nil {
				return err
			}
			if len(want["webhook-deliveries.json: Latency"]) == 0 {
				return fmt.Errorf("no latency yet")
			}
			for where := range want {
				if !maps.Equal(got[where], want[where]) {
					return fmt.Errorf("%s shows %v, but %v without the option", where, got[where], want[where])
				}
			}
			return nil
		})
		rules(t, prom)
	}
}

// shown returns the label sets that the queries of each panel return in total.
func shown(prom *prometheus, uses []use) (map[string]map[string]bool, error) {
	all := map[string]map[string]bool{}
	for _, u := range uses {
		found, err := prom.query(u.expr())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", u.where, err)
		}
		if all[u.where] == nil {
			all[u.where] = map[string]bool{}
		}
		for _, s := range found {
			delete(s.Metric, "le") // a native histogram is one series
			var labels []string
			for _, name := range slices.Sorted(maps.Keys(s.Metric)) {
				labels = append(labels, name+"="+s.Metric[name])
			}
			all[u.where][strings.Join(labels, ",")] = true
		}
	}
	return all, nil
}
