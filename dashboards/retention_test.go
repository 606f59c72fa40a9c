package dashboards_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

const day = 24 * time.Hour

// looksBack returns the longest range or offset in a query.
func looksBack(t *testing.T, expr string) (longest time.Duration) {
	t.Helper()
	units := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": day, "w": 7 * day}
	for _, found := range regexp.MustCompile(`(?:\[|offset )(\d+)([smhdw])\b`).FindAllStringSubmatch(expr, -1) {
		n, err := strconv.Atoi(found[1])
		if err != nil {
			t.Fatal(err)
		}
		longest = max(longest, time.Duration(n)*units[found[2]])
	}
	return longest
}

// TestRetentionIsSaid checks that people learn how much data the budget and the longest alert
// need, beside them and in the README, and that the compose file keeps enough.
func TestRetentionIsSaid(t *testing.T) {
	t.Parallel()
	said := map[string]bool{}
	all, _ := dashboards(t)
	for _, d := range all {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				if looksBack(t, target.Expr) <= day {
					continue
				}
				said[p.Title] = true
				if back := looksBack(t, target.Expr); back != 30*day || !strings.Contains(p.Description, "Prometheus must keep 30 days of data.") {
					t.Errorf("%s looks back %v and says %s", p.Title, back, p.Description)
				}
			}
		}
	}
	for _, r := range rulesOf(t) {
		// Longer windows are put together from days, the oldest of which begins a day before its offset.
		if back := looksBack(t, r.Expr); back == 7*day {
			said[r.name()] = true
		} else if back > 6*day {
			t.Errorf("%s looks back %v", r.name(), back)
		}
	}
	if len(said) != 2 || !said["Budget left, 30 days"] || !said["OmegaStreamNoEvents"] {
		t.Errorf("the longest look back: %v", said)
	}
	words := func(file string) string { return strings.Join(strings.Fields(read(t, file)), " ") }
	for file, text := range map[string]string{
		"README.md": "Keep enough data: *Budget left, 30 days* needs 30 days (`--storage.tsdb.retention.time=31d`), " +
			"*OmegaStreamNoEvents* eight, and the budget alerts of quiet endpoints seven.",
		"../docs/runbooks.md":            "Prometheus must keep eight days of data for this alert.",
		"rules/omegastream.rules.yaml":   "Needs eight days of data. - alert: OmegaStreamNoEvents",
		"../deploy/compose/compose.yaml": "--storage.tsdb.retention.time=31d",
	} {
		if !strings.Contains(words(file), text) {
			t.Errorf("%s does not say: %s", file, text)
		}
	}
}

// TestScrapeInterval checks that bars and rates span enough for scrapes 60 s apart, and that
// the README says so.
func TestScrapeInterval(t *testing.T) {
	t.Parallel()
	all, _ := dashboards(t)
	for _, d := range all {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				step, err := time.ParseDuration(p.Interval)
				if strings.Contains(target.Expr, "_interval]") && (err != nil || step < 5*time.Minute) {
					t.Errorf("%s: %s looks at %v at a time: %v", d.UID, p.Title, step, err)
				}
			}
		}
	}
	text := strings.Join(strings.Fields(read(t, "README.md")), " ")
	for _, want := range []string{
		"Scrapes can be up to 60 s apart, and Grafana needs no setting for it: all bars and rates span at least five minutes, so none hides a failure.",
		"The window of *OmegaStreamDeliveryFailed* must span three scrapes.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the README does not say: %s", want)
		}
	}
}
