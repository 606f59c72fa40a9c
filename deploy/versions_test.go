package deploy_test

import (
	"regexp"
	"strings"
	"testing"
)

// group returns the match of a pattern in a file of the repository.
func group(t *testing.T, file, pattern string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)` + pattern).FindStringSubmatch(read(t, file))
	if found == nil {
		t.Fatalf("%s: nothing matches %s", file, pattern)
	}
	return found[1]
}

// TestOneImage checks that the exporter's image has one name and one version everywhere.
func TestOneImage(t *testing.T) {
	t.Parallel()
	want := group(t, chart+"/values.yaml", `^  repository: (\S+)$`) + ":" + group(t, chart+"/Chart.yaml", `^appVersion: (\S+)$`)
	images := map[string]string{"compose": compose(t, composeFile)["omegastream-exporter"].Image}
	for _, folder := range []string{"sidecar", "sidecar-shared", "standalone", "replicated"} {
		images[folder] = exporters(parse(t, build(t, folder)))[0].Image
	}
	text, err := render(t, "--set=flags.demo=true")
	if err != nil {
		t.Fatal(err)
	}
	images["chart"] = exporters(parse(t, text))[0].Image
	for where, image := range images {
		if image != want {
			t.Errorf("%s has the image %s, but the chart's values have %s", where, image, want)
		}
	}
	if built := group(t, "../docs/kubernetes.md", `^make image IMAGE=\S+:(\S+)$`); !strings.HasSuffix(want, ":"+built) {
		t.Errorf("docs/kubernetes.md builds version %s, but the chart's values have %s", built, want)
	}
}

// TestVersionsOfOthers checks that the compose file has the versions with which rules and
// dashboards are tested.
func TestVersionsOfOthers(t *testing.T) {
	t.Parallel()
	services := compose(t, composeFile)
	// Prometheus 3.16.0 is v0.316.0 as a Go module.
	minor := group(t, "../tools/prometheus/go.mod", `github.com/prometheus/prometheus v0\.3(\d+)\.`)
	patch := group(t, "../tools/prometheus/go.mod", `github.com/prometheus/prometheus v0\.3\d+\.(\d+)`)
	for name, want := range map[string]string{
		"prometheus":   "prom/prometheus:v3." + strings.TrimLeft(minor, "0") + "." + patch,
		"alertmanager": "prom/alertmanager:" + group(t, "../tools/alertmanager/go.mod", `github.com/prometheus/alertmanager (v\S+)`),
		"grafana":      "grafana/grafana:" + group(t, "../dashboards/package.json", `"@grafana/schema": "([0-9.]+)"`),
	} {
		if got := services[name].Image; got != want {
			t.Errorf("%s: the image is %s, but tests use %s", name, got, want)
		}
	}
}
