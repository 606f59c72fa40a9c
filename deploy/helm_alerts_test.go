package deploy_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v2"
)

// ruleFile is a file of rules, as Prometheus reads it.
type ruleFile struct {
	Groups []struct {
		Name     string `json:"name"`
		Interval string `json:"interval,omitempty"`
		Rules    []rule `json:"rules"`
	} `json:"groups"`
}

// rule is an alert or a record.
type rule struct {
	Alert  string            `json:"alert,omitempty"`
	Record string            `json:"record,omitempty"`
	Expr   string            `json:"expr"`
	For    string            `json:"for,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
}

// chartRules returns the file of rules that the chart installs with these values of
// prometheusRule.
func chartRules(t *testing.T, values map[string]any) (rules ruleFile) {
	t.Helper()
	values["enabled"], values["videos"] = true, true
	text, err := json.Marshal(map[string]any{"flags": map[string]any{"demo": true}, "prometheusRule": values})
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := render(t, "--values="+write(t, "values.json", string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for _, manifest := range strings.Split(rendered, "\n---\n") {
		var object struct{ Spec ruleFile }
		if !strings.Contains(manifest, "kind: PrometheusRule") {
			continue
		}
		if err := yaml.Unmarshal([]byte(manifest), &object); err != nil {
			t.Fatal(err)
		}
		rules.Groups = append(rules.Groups, object.Spec.Groups...)
	}
	return rules
}

// chartAlerts returns the alerts among the chart's rules, by their names.
func chartAlerts(t *testing.T, values map[string]any) map[string]rule {
	t.Helper()
	found := map[string]rule{}
	for _, g := range chartRules(t, values).Groups {
		for _, r := range g.Rules {
			if r.Alert != "" {
				found[r.Alert] = r
			}
		}
	}
	return found
}

// TestEveryAlertByValues checks that values can change the threshold, the `for`, the severity
// and the labels of each alert, and leave each one out.
func TestEveryAlertByValues(t *testing.T) {
	t.Parallel()
	as := chartAlerts(t, map[string]any{})
	if len(as) < 18 {
		t.Fatalf("found %d alerts", len(as))
	}
	var thresholds map[string]string
	if err := yaml.Unmarshal([]byte(read(t, chart+"/files/thresholds.yaml")), &thresholds); err != nil {
		t.Fatal(err)
	}
	own, disabled := map[string]any{}, map[string]any{}
	for name := range as {
		one := map[string]any{"for": "17m", "severity": "page"}
		if _, has := thresholds[name]; has {
			one["threshold"] = 4242
		}
		own[name], disabled[name] = one, true
	}
	changed := chartAlerts(t, map[string]any{"alerts": own, "additionalLabels": map[string]string{"team": "video"}})
	for name, was := range as {
		is := changed[name]
		if is.For != "17m" || is.Labels["severity"] != "page" || is.Labels["team"] != "video" {
			t.Errorf("%s has for %s and the labels %v", name, is.For, is.Labels)
		}
		threshold, has := thresholds[name]
		if !has {
			if !strings.Contains(was.Expr, " * 0.01") && !noNumber[name] {
				t.Errorf("%s has no threshold among the values: %s", name, was.Expr)
			}
			continue
		}
		sign, number, _ := strings.Cut(strings.TrimSpace(threshold), " ")
		old := regexp.MustCompile(regexp.QuoteMeta(sign+" "+number) + `([^0-9.]|$)`)
		if !old.MatchString(was.Expr) {
			t.Errorf("%s: %q is not in its expression", name, threshold)
		}
		// The parts of other alerts change too.
		numbers := regexp.MustCompile(`([<>]=?) [0-9.]+`)
		if want := old.ReplaceAllString(was.Expr, sign+" 4242$1"); numbers.ReplaceAllString(is.Expr, "$1") != numbers.ReplaceAllString(want, "$1") ||
			old.MatchString(is.Expr) || !strings.Contains(is.Expr, sign+" 4242") {
			t.Errorf("%s has the expression\n%s\nwant\n%s", name, is.Expr, want)
		}
	}
	if left := chartAlerts(t, map[string]any{"disabled": disabled}); len(left) > 0 {
		t.Errorf("disabled alerts are still there: %v", left)
	}
	for name, is := range chartAlerts(t, map[string]any{"objective": 0.95}) {
		if want := strings.ReplaceAll(as[name].Expr, " * 0.01", " * 0.05"); is.Expr != want {
			t.Errorf("%s has the expression\n%s\nwant\n%s", name, is.Expr, want)
		}
	}
}

// noNumber lists the alerts that have no threshold.
var noNumber = map[string]bool{
	"OmegaStreamEndpointSwitchedOff": true, "OmegaStreamEndpointRemoved": true, "OmegaStreamExporterDown": true,
	"OmegaStreamAPIKeyRejected": true, "OmegaStreamStateReset": true, "OmegaStreamStateFailing": true,
}
