package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/collector"
)

// notInDemo lists the families that a demo shows at 0, and why.
var notInDemo = map[string]string{
	"omegastream_exporter_list_gaps_total":             "the exporter is never down",
	"omegastream_exporter_folded_event_types_total":    "the demo has few types",
	"omegastream_exporter_state_resets_total":          "the state is new",
	"omegastream_exporter_state_commit_failures_total": "memory has no disk",
	"omegastream_exporter_state_failing":               "memory does not fail",
	"omegastream_exporter_state_size_bytes":            "memory has no file",
	"webhook_delivery_recoveries_total":                "failures are asked for again after five minutes",
	"omegastream_exporter_event_detail_backlog":        "a scrape waits for the details",
}

// absentInDemo lists families that a demo lacks, or has only for a moment: its state is not
// shared, and its URL is unknown.
var absentInDemo = []string{
	"omegastream_exporter_oldest_unfetched_event_timestamp_seconds",
	"omegastream_exporter_leading",
	"omegastream_exporter_web_info",
}

// Within a minute and without a file, the demo shows values in every family.
func TestDemo(t *testing.T) {
	t.Parallel()
	s := setup{dir: t.TempDir(), args: []string{"--demo", "--collector.hold-new-series=2s"}}
	p := s.serve(t)
	began := time.Now()
	var names []string
	for _, f := range collector.Families() {
		if !slices.Contains(absentInDemo, f.Name) {
			names = append(names, f.Name)
		}
	}
	seen := make(map[string]bool)
	var last *scrape
	eventually(t, func() error {
		// A scrape with a short timeout, for the counter of exceeded deadlines.
		if _, err := p.scrape(time.Millisecond); err != nil {
			return err
		}
		var err error
		if last, err = p.scrape(10 * time.Second); err != nil {
			return err
		}
		for k, v := range last.values {
			name, _, _ := strings.Cut(k, "{")
			if v != 0 {
				seen[name], seen[strings.TrimSuffix(name, "_count")] = true, true
			}
		}
		var missing []string
		for _, name := range names {
			if _, excepted := notInDemo[name]; !seen[name] && !excepted {
				missing = append(missing, name)
			}
		}
		if len(missing) > 0 {
			return fmt.Errorf("no values in %v", missing)
		}
		return nil
	})
	t.Logf("all values are there after %v, in %d series", time.Since(began).Round(time.Second), len(last.values))
	for name, why := range notInDemo {
		if !slices.Contains(names, name) {
			t.Errorf("%s is no longer a family", name)
		}
		if seen[name] {
			t.Logf("%s has a value, although %s", name, why)
		}
		if len(last.named(name)) == 0 {
			t.Errorf("%s is absent, even at 0", name)
		}
	}
	p.stop()
	if left := files(t, s.dir); left != "" {
		t.Errorf("the demo left files: %s", left)
	}
}
