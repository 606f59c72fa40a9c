package dashboards_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestLinksAndSwitchesAreShown checks that links and annotations have no placement, which the
// generator's SDK sets and with which Grafana hides them in a menu.
func TestLinksAndSwitchesAreShown(t *testing.T) {
	t.Parallel()
	all, _ := dashboards(t)
	for _, d := range all {
		if len(d.Links) < 3 || len(d.Annotations.List) < 2 {
			t.Errorf("%s has %d links and %d annotations", d.UID, len(d.Links), len(d.Annotations.List))
		}
		for _, l := range d.Links {
			if l.Placement != nil {
				t.Errorf("%s: the link %s has the placement %s", d.UID, l.Title, l.Placement)
			}
		}
		for _, a := range d.Annotations.List {
			if a.Placement != nil || a.Hide || !a.Enable {
				t.Errorf("%s: annotation %s: placement %s, hide %t, enable %t", d.UID, a.Name, a.Placement, a.Hide, a.Enable)
			}
		}
	}
}

// TestAlertsAnnotation checks that the annotation shows the alerts of the selected exporters
// and endpoints, but neither single failures nor alerts with severity=info.
func TestAlertsAnnotation(t *testing.T) {
	t.Parallel()
	all, _ := dashboards(t)
	const chosen = `cluster="c", namespace="n", job="j"`
	series := map[string]string{}
	alert := func(name, severity, state, labels string) string {
		labels = fmt.Sprintf(`{alertname="OmegaStream%s", severity=%q, alertstate=%q, %s}`, name, severity, state, labels)
		series["ALERTS"+labels] = "1x120"
		return "ALERTS" + labels
	}
	ofAccount := alert("ExporterStale", "warning", "firing", chosen)
	ofChosen := alert("EndpointFailing", "critical", "firing", chosen+`, endpoint_id="e1"`)
	ofOther := alert("EndpointFailing", "critical", "firing", chosen+`, endpoint_id="e2"`)
	for _, labels := range []string{`cluster="other", namespace="n", job="j"`, `cluster="c", namespace="other", job="j"`, `cluster="c", namespace="n", job="other"`} {
		alert("EndpointFailing", "critical", "firing", labels+`, endpoint_id="e1"`)
	}
	alert("DeliveryFailed", "warning", "firing", chosen+`, endpoint_id="e1"`)
	alert("EndpointSwitchedOff", "info", "firing", chosen+`, endpoint_id="e1"`)
	alert("NoEvents", "warning", "pending", chosen+`, endpoint_id="e1"`)
	// Without the exporter's own series, OmegaStreamExporterDown would fire too.
	series["omegastream_up"+ofJob+"}"] = "1x120"
	series["omegastream_exporter_last_successful_sync_timestamp_seconds"+ofJob+"}"] = "0+60x120"

	for _, d := range all {
		want := map[string]float64{ofAccount: 1, ofChosen: 1}
		if d.UID == "omegastream-exporter" { // its panels do not select endpoints
			want[ofOther] = 1
		}
		i := slices.IndexFunc(d.Annotations.List, func(a annotation) bool { return a.Name == "Alerts" })
		if i < 0 {
			t.Fatalf("%s has no annotation for alerts", d.UID)
		}
		expr := strings.NewReplacer("$cluster", "c", "$namespace", "n", "$job", "j", "$endpoint", "e1").Replace(d.Annotations.List[i].Target.Expr)
		play(t, scenario{series: series, queries: []finding{{60, expr, want}}})
	}
}

// filter is a variable that selects deliveries.
type filter struct {
	variable string
	said     string // by a panel with this filter and the previous ones
}

// filters are all filters, starting with the one that most panels have.
var filters = []filter{
	{"", "Not filtered by endpoint, type or code."},
	{"$endpoint", "Filtered by endpoint, not by type or code."},
	{"$event_type", "Filtered by endpoint and type, not by code."},
	{"$status_code", "All filters apply."},
}

// TestFiltersAreSaid checks that each panel below the delivery filters says which of them
// apply.
func TestFiltersAreSaid(t *testing.T) {
	t.Parallel()
	all, _ := dashboards(t)
	said := map[string]int{}
	for _, d := range all {
		if !slices.ContainsFunc(d.Templating.List, func(v variable) bool { return v.Name == "endpoint" }) {
			continue
		}
		for _, p := range d.Panels {
			if p.Type == "row" {
				continue
			}
			has := 0
			for _, target := range p.Targets {
				for i, f := range filters[1:] {
					if strings.Contains(target.Expr, f.variable) {
						has = max(has, i+1)
					}
				}
			}
			want := filters[has].said
			said[want]++
			for _, f := range filters {
				if strings.HasSuffix(p.Description, ". "+f.said) != (f.said == want) {
					t.Errorf("%s must say %q, but says %q", p.Title, want, p.Description)
				}
			}
		}
	}
	for _, f := range filters {
		if said[f.said] == 0 {
			t.Errorf("no panel says %q", f.said)
		}
	}
}

// TestFiltersSayTheirPanels checks that each delivery filter says which panels it applies to.
func TestFiltersSayTheirPanels(t *testing.T) {
	t.Parallel()
	all, _ := dashboards(t)
	filtered := 0
	for _, d := range all {
		for _, v := range d.Templating.List {
			if !slices.ContainsFunc(filters, func(f filter) bool { return f.variable == "$"+v.Name }) {
				continue
			}
			filtered++
			allBut := strings.HasPrefix(v.Description, "Applies to all panels but ")
			if !strings.HasPrefix(v.Description, "Applies to ") {
				t.Errorf("%s says %q", v.Name, v.Description)
			}
			for _, p := range d.Panels {
				if p.Type == "row" {
					continue
				}
				applies := false
				for _, target := range p.Targets {
					applies = applies || strings.Contains(target.Expr, "$"+v.Name)
				}
				if named := strings.Contains(v.Description, `"`+p.Title+`"`); named != (applies != allBut) {
					t.Errorf("%s applies to %s: %t. It says: %s", v.Name, p.Title, applies, v.Description)
				}
			}
		}
	}
	if filtered != len(filters)-1 {
		t.Errorf("found %d filters", filtered)
	}
}

// TestAccountsAreApart checks that panels combine only instances of one cluster, namespace
// and job, and that people select among the jobs of exporters.
func TestAccountsAreApart(t *testing.T) {
	t.Parallel()
	all, _ := dashboards(t)
	grouping := regexp.MustCompile(`(?:by|on) \(([^)]*)\)`)
	for _, d := range all {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				for _, found := range grouping.FindAllStringSubmatch(target.Expr, -1) {
					if regexp.MustCompile(`\b(endpoint_id|instance)\b`).MatchString(found[1]) && !strings.HasPrefix(found[1], "cluster, namespace, job, ") {
						t.Errorf("%s: %s: %s", d.UID, p.Title, found[0])
					}
				}
			}
		}
		for _, name := range []string{"cluster", "namespace", "job"} {
			i := slices.IndexFunc(d.Templating.List, func(v variable) bool { return v.Name == name })
			if i < 0 || !strings.Contains(string(d.Templating.List[i].Query), "label_values(omegastream_up") {
				t.Errorf("%s: %s does not select among exporters", d.UID, name)
			} else if every := d.Templating.List[i].AllValue; name == "job" && every != "" {
				t.Errorf("%s: all jobs are %q, not only those of exporters", d.UID, every)
			}
		}
	}
}

// TestColoursOfCodes checks that people who cannot distinguish red from green see two colours
// for success and failure.
func TestColoursOfCodes(t *testing.T) {
	t.Parallel()
	all, _ := dashboards(t)
	shown := 0
	for _, d := range all {
		for _, p := range d.Panels {
			if p.Type == "row" || !strings.HasSuffix(p.Title, "by status code") {
				continue
			}
			shown++
			for code, hue := range map[string]string{"200": "blue", "204": "blue", "404": "yellow", "429": "yellow", "500": "red", "503": "red", "none": "purple"} {
				var colour string
				for _, o := range p.FieldConfig.Overrides {
					var pattern string
					if o.Matcher.ID != "byRegexp" || json.Unmarshal(o.Matcher.Options, &pattern) != nil || !regexp.MustCompile(strings.Trim(pattern, "/")).MatchString(code) {
						continue
					}
					for _, property := range o.Properties {
						var fixed struct{ FixedColor string }
						if property.ID == "color" && json.Unmarshal(property.Value, &fixed) == nil {
							colour = fixed.FixedColor
						}
					}
				}
				if !strings.HasSuffix(colour, hue) {
					t.Errorf("%s: %s is %q, want a %s", p.Title, code, colour, hue)
				}
			}
		}
	}
	if shown < 3 {
		t.Errorf("%d panels show status codes", shown)
	}
}

// TestStatsAskOnce checks that stats only query the end of their time range, so that their
// numbers do not depend on their width.
func TestStatsAskOnce(t *testing.T) {
	t.Parallel()
	all, _ := dashboards(t)
	for _, d := range all {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				if p.Type == "stat" && !target.Instant {
					t.Errorf("%s: %s asks for a range", d.UID, p.Title)
				}
			}
		}
	}
}
