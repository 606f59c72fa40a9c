package deploy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"go.yaml.in/yaml/v2"
)

// alert is an alert of the chart.
type alert struct {
	Alert, For, Expr string
	Labels           map[string]string
}

// chartAlerts returns the alerts that the chart installs, by their names.
func chartAlerts(t *testing.T, values map[string]any) map[string]alert {
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
	found := map[string]alert{}
	for _, manifest := range strings.Split(rendered, "\n---\n") {
		var rules struct {
			Spec struct {
				Groups []struct{ Rules []alert }
			}
		}
		if !strings.Contains(manifest, "kind: PrometheusRule") {
			continue
		}
		if err := yaml.Unmarshal([]byte(manifest), &rules); err != nil {
			t.Fatal(err)
		}
		for _, g := range rules.Spec.Groups {
			for _, r := range g.Rules {
				if r.Alert != "" {
					found[r.Alert] = r
				}
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
		want := was.Expr
		if threshold, has := thresholds[name]; has {
			sign, number, _ := strings.Cut(strings.TrimSpace(threshold), " ")
			want = strings.ReplaceAll(want, sign+" "+number, sign+" 4242")
			if want == was.Expr {
				t.Errorf("%s: %q is not in its expression", name, threshold)
			}
		} else if !strings.Contains(was.Expr, " * 0.01") && !noNumber[name] {
			t.Errorf("%s has no threshold among the values: %s", name, was.Expr)
		}
		if is.Expr != want {
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
