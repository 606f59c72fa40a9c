package collector

import (
	"strings"
	"testing"
)

// samples are the lines of an exposition: values by series.
type samples map[string]string

func samplesOf(text string) samples {
	s := samples{}
	for line := range strings.Lines(text) {
		if series, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "} "); ok {
			s[series+"}"] = value
		} else if series, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " "); ok && !strings.HasPrefix(line, "#") {
			s[series] = value
		}
	}
	return s
}

// want compares single series; "" stands for a series that must be absent.
func (s samples) want(t testing.TB, want map[string]string) {
	t.Helper()
	for series, value := range want {
		if got := s[series]; got != value {
			t.Errorf("%s is %q, want %q", series, got, value)
		}
	}
}

// The names of series that many tests check.

func eventsOf(id, typ string) string {
	return `webhook_events_total{endpoint_id="` + id + `",event_type="` + typ + `"}`
}

func deliveriesOf(id, typ, code string) string {
	return `webhook_deliveries_total{endpoint_id="` + id + `",event_type="` + typ + `",status_code="` + code + `"}`
}

func failuresOf(id, typ, code string) string {
	return `webhook_delivery_failures_total{endpoint_id="` + id + `",event_type="` + typ + `",status_code="` + code + `"}`
}

func of(name, id string) string { return name + `{endpoint_id="` + id + `"}` }

func syncsOf(result string) string {
	return `omegastream_exporter_syncs_total{result="` + result + `"}`
}
