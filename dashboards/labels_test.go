package dashboards_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v2"
)

// rule is a recording rule or an alert.
type rule struct {
	Record, Alert, Expr string
}

// name returns the name of the record or alert.
func (r rule) name() string { return r.Record + r.Alert }

// rulesOf returns the rules of all files.
func rulesOf(t *testing.T) (all []rule) {
	t.Helper()
	for _, file := range glob(t, "rules/*.rules.yaml") {
		var content struct {
			Groups []struct{ Rules []rule }
		}
		if err := yaml.Unmarshal([]byte(read(t, file)), &content); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, g := range content.Groups {
			all = append(all, g.Rules...)
		}
	}
	if len(all) < 80 {
		t.Fatalf("found %d rules", len(all))
	}
	return all
}

// TestEveryRuleKeepsItsAccount checks that every grouping and join of the rules keeps the
// three labels by which people route, silence and inhibit.
func TestEveryRuleKeepsItsAccount(t *testing.T) {
	t.Parallel()
	account := []string{"cluster", "namespace", "job"}
	modified := regexp.MustCompile(`\b(by|on|without|ignoring) \(([^)]*)\)`)
	bare := regexp.MustCompile(`\b(sum|min|max|avg|count|group|topk|bottomk|stddev|stdvar|quantile|count_values)\s*\(`)
	for _, r := range rulesOf(t) {
		if found := bare.FindString(r.Expr); found != "" {
			t.Errorf("%s: %s...) drops all labels", r.name(), found)
		}
		for _, found := range modified.FindAllStringSubmatch(r.Expr, -1) {
			labels := strings.Split(found[2], ", ")
			kept := found[1] == "by" || found[1] == "on"
			for _, label := range account {
				// No label is left for the alert about an exporter that never was.
				if slices.Contains(labels, label) != kept && found[0] != "on ()" {
					t.Errorf("%s: %s drops the label %s", r.name(), found[0], label)
				}
			}
		}
	}
}

// TestInhibitionsStayWithinAnAccount checks that alerts of one exporter do not inhibit those
// of another, and are not grouped with them.
func TestInhibitionsStayWithinAnAccount(t *testing.T) {
	t.Parallel()
	text := read(t, "../deploy/prometheus/alertmanager.yml")
	var config struct {
		Route struct {
			GroupBy []string `yaml:"group_by"`
		}
		Inhibit []struct{ Equal []string } `yaml:"inhibit_rules"`
	}
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	if len(config.Inhibit) < 5 {
		t.Fatalf("found %d inhibitions", len(config.Inhibit))
	}
	for i, one := range config.Inhibit {
		if len(one.Equal) < 3 || !slices.Equal(one.Equal[:3], []string{"cluster", "namespace", "job"}) {
			t.Errorf("inhibition %d is for equal %v", i+1, one.Equal)
		}
	}
	if want := []string{"cluster", "namespace", "job", "alertname"}; !slices.Equal(config.Route.GroupBy, want) {
		t.Errorf("messages are grouped by %v, want %v", config.Route.GroupBy, want)
	}
}
