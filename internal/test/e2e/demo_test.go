package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/collector"
)

// notInDemo are the families that a demo shows at 0, with the reason.
var notInDemo = map[string]string{
	"omegastream_exporter_list_gaps_total":             "it is never down",
	"omegastream_exporter_folded_event_types_total":    "it has few types",
	"omegastream_exporter_state_resets_total":          "its state is new",
	"omegastream_exporter_state_commit_failures_total": "memory has no disk",
	"omegastream_exporter_state_failing":               "memory does not fail",
	"omegastream_exporter_state_size_bytes":            "memory has no file",
	"webhook_delivery_recoveries_total":                "failures are asked for again after five minutes",
	"omegastream_exporter_event_detail_backlog":        "a scrape waits for the details",
}

// absentInDemo are families that are not even there, or only for a moment: its state is
// not shared, and its own URL is not known.
var absentInDemo = []string{
	"omegastream_exporter_oldest_unfetched_event_timestamp_seconds",
	"omegastream_exporter_leading",
	"omegastream_exporter_web_info",
}

// The demo has something to see in every family, within a minute and without a
// file.
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
	eventually(t, time.Minute, func() error {
		// A scraper in a hurry, for the counter of those.
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
			return fmt.Errorf("nothing to see in %v", missing)
		}
		return nil
	})
	t.Logf("all there after %v, in %d series", time.Since(began).Round(time.Second), len(last.values))
	for name, why := range notInDemo {
		if !slices.Contains(names, name) {
			t.Errorf("%s is no family any more", name)
		}
		if seen[name] {
			t.Logf("%s is seen, though %s", name, why)
		}
		if len(last.named(name)) == 0 {
			t.Errorf("%s is not even there at 0", name)
		}
	}
	p.stop()
	if left := files(t, s.dir); left != "" {
		t.Errorf("it left files: %s", left)
	}
}
