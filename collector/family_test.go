package collector

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// designed lists the names, types and labels that people's dashboards and alerts rely on.
const designed = `
webhook_events_total                                                    counter    endpoint_id event_type
webhook_deliveries_total                                                counter    endpoint_id event_type status_code
webhook_delivery_failures_total                                         counter    endpoint_id event_type status_code
webhook_delivery_no_response_total                                      counter    endpoint_id reason
webhook_delivery_recoveries_total                                       counter    endpoint_id event_type
webhook_events_unresolved_total                                         counter    endpoint_id event_type
webhook_delivery_latency_seconds                                        histogram  endpoint_id
webhook_window_deliveries                                               gauge      endpoint_id event_type status_code
webhook_deliveries_pending                                              gauge      endpoint_id event_type
webhook_oldest_pending_age_seconds                                      gauge      endpoint_id
webhook_endpoint_consecutive_failures                                   gauge      endpoint_id
webhook_endpoint_failing_since_timestamp_seconds                        gauge      endpoint_id
webhook_endpoint_last_status_code                                       gauge      endpoint_id
webhook_endpoint_last_success_timestamp_seconds                         gauge      endpoint_id
webhook_endpoint_last_failure_timestamp_seconds                         gauge      endpoint_id
webhook_last_event_timestamp_seconds                                    gauge      endpoint_id event_type
webhook_endpoint_info                                                   gauge      endpoint_id url description
omegastream_account_info                                                gauge      company_id
webhook_endpoint_active                                                 gauge      endpoint_id
webhook_endpoint_subscribed                                             gauge      endpoint_id event_type
webhook_endpoint_updated_timestamp_seconds                              gauge      endpoint_id
webhook_events_listed                                                   gauge      endpoint_id
omegastream_up                                                          gauge
omegastream_api_requests_total                                          counter    operation code
omegastream_api_request_duration_seconds                                histogram  operation
omegastream_api_rate_limit_wait_seconds_total                           counter    operation
omegastream_api_retries_total                                           counter    operation
omegastream_exporter_syncs_total                                        counter    result
omegastream_exporter_sync_duration_seconds                              histogram
omegastream_exporter_last_successful_sync_timestamp_seconds             gauge
omegastream_exporter_endpoint_last_successful_sync_timestamp_seconds    gauge      endpoint_id
omegastream_exporter_scrape_deadline_exceeded_total                     counter
omegastream_exporter_event_detail_backlog                               gauge      endpoint_id
omegastream_exporter_history_detail_backlog                             gauge      endpoint_id
omegastream_exporter_oldest_unfetched_event_timestamp_seconds           gauge      endpoint_id
omegastream_exporter_list_gaps_total                                    counter    endpoint_id
omegastream_exporter_tracked_events                                     gauge      endpoint_id
omegastream_exporter_invalid_payloads_total                             counter    operation
omegastream_exporter_folded_event_types_total                           counter
omegastream_exporter_state_resets_total                                 counter
omegastream_exporter_state_commit_failures_total                        counter
omegastream_exporter_state_commit_duration_seconds                      histogram
omegastream_exporter_web_info                                           gauge      external_url
omegastream_exporter_state_size_bytes                                   gauge
omegastream_exporter_state_created_timestamp_seconds                    gauge
omegastream_exporter_state_failing                                      gauge     reason
omegastream_exporter_leading                                            gauge
`

// TestFamiliesAreAsDesigned compares the described families with that list.
func TestFamiliesAreAsDesigned(t *testing.T) {
	t.Parallel()
	var want, got []string
	for line := range strings.Lines(strings.TrimSpace(designed)) {
		want = append(want, sorted(strings.Fields(line)))
	}
	for _, f := range Families() {
		got = append(got, sorted(append([]string{f.Name, f.Type}, f.Labels...)))
		if f.Help == "" || !strings.HasSuffix(f.Help, ".") {
			t.Errorf("the help of %s is not a sentence: %q", f.Name, f.Help)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("families differ from those designed (-want +got):\n%s", diff)
	}
}

func sorted(row []string) string {
	slices.Sort(row[2:])
	return strings.Join(row, " ")
}

// TestFamiliesAreEmitted compares the expositions in testdata with the descriptions: every
// exposed family is described, with its type and labels, and every described one is exposed.
func TestFamiliesAreEmitted(t *testing.T) {
	t.Parallel()
	described := map[string]Family{}
	for _, f := range Families() {
		if !unsteady.MatchString(f.Name) {
			described[f.Name] = f
		}
	}
	typeLine := regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`)
	sample := regexp.MustCompile(`(?m)^([a-z_]+)(?:\{(.*)\})? \S+$`)
	label := regexp.MustCompile(`([a-z_]+)="(?:[^"\\]|\\.)*"`)
	seen := map[string]bool{"omegastream_exporter_leading": true} // only with a shared state
	for _, file := range []string{"good", "hostile_events", "deadline", "details_gone"} {
		content, err := os.ReadFile("testdata/" + file + ".metrics")
		if err != nil {
			t.Fatal(err)
		}
		text := string(content)
		for _, m := range typeLine.FindAllStringSubmatch(text, -1) {
			seen[m[1]] = true
			if f := described[m[1]]; f.Type != m[2] {
				t.Errorf("%s: %s is a %s, described as %q", file, m[1], m[2], f.Type)
			}
		}
		for _, m := range sample.FindAllStringSubmatch(text, -1) {
			var labels []string
			for _, l := range label.FindAllStringSubmatch(m[2], -1) {
				if l[1] != "le" {
					labels = append(labels, l[1])
				}
			}
			name := m[1]
			if _, ok := described[name]; !ok {
				name = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
			}
			want := slices.Sorted(slices.Values(described[name].Labels))
			if slices.Sort(labels); !slices.Equal(labels, want) {
				t.Errorf("%s: %s has labels %q, described with %q", file, m[0], labels, want)
			}
		}
	}
	for name := range described {
		if !seen[name] {
			t.Errorf("%s is described but never emitted", name)
		}
	}
}

// TestDescribed checks that a scrape's collector describes all that it sends, as its registry
// refuses undescribed metrics.
func TestDescribed(t *testing.T) {
	t.Parallel()
	ch := make(chan *prometheus.Desc, 100)
	(&scrape{}).Describe(ch)
	close(ch)
	n := 0
	for range ch {
		n++
	}
	if want := len(Families()) - len(telemetryFamilies) - len(stateFamilies); n != want {
		t.Errorf("%d descriptions, want %d", n, want)
	}
}

// TestLint lints all names and help texts that the good account exposes.
func TestLint(t *testing.T) {
	t.Parallel()
	f, err := os.Open("testdata/good.metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	problems, err := promlint.New(f).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
