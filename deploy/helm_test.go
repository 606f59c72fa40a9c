package deploy_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the goldens of the chart")

// modes are ways to use the chart. The goldens do not contain rules and dashboards, which
// other tests check.
var modes = []struct {
	name string
	args []string
	want []string // kinds, besides the common ones
}{
	{"standalone", []string{"--set=apiKey.existingSecret=key"}, []string{"PersistentVolumeClaim"}},
	{
		"replicated",
		[]string{"--set=mode=replicated,apiKey.existingSecret=key,state.existingSecret=state,serviceMonitor.enabled=true,networkPolicy.enabled=true"},
		[]string{"PodDisruptionBudget", "ServiceMonitor", "NetworkPolicy"},
	},
	{"demo", []string{"--set=flags.demo=true,podMonitor.enabled=true"}, []string{"PodMonitor"}},
	{"secrets", []string{"--set=mode=replicated,apiKey.value=secret,state.url=postgres://u:p@db/x,serviceAccount.create=false"}, []string{"PodDisruptionBudget", "Secret", "Secret"}},
	{"everything", []string{"--values=testdata/everything.yaml"}, []string{"NetworkPolicy", "PersistentVolumeClaim", "ServiceMonitor"}},
}

func TestChart(t *testing.T) {
	t.Parallel()
	for _, tt := range modes {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := output("", tool(t, "helm"), append([]string{"lint", "--strict", chart}, tt.args...)...); err != nil {
				t.Error(err)
			}
			got, err := render(t, tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", tt.name+".golden.yaml")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(read(t, golden), got); diff != "" {
				t.Errorf("-%s +rendered; if this is intended, run go test ./deploy -update\n%s", golden, diff)
			}
			kinds := []string{"Deployment", "Service"}
			if tt.name != "secrets" {
				kinds = append(kinds, "ServiceAccount")
			}
			kinds = append(kinds, tt.want...)
			var found []string
			for _, o := range parse(t, got) {
				found = append(found, o.Kind)
			}
			slices.Sort(kinds)
			slices.Sort(found)
			if diff := cmp.Diff(kinds, found); diff != "" {
				t.Errorf("-want +rendered kinds:\n%s", diff)
			}
			all, err := render(t, append(tt.args, "--set=prometheusRule.enabled=true,prometheusRule.videos=true,dashboards.enabled=true")...)
			if err != nil {
				t.Fatal(err)
			}
			if err := check(t, all); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestChartRules checks that the chart's rules and dashboards are those in dashboards/, with
// addresses from the values.
func TestChartRules(t *testing.T) {
	t.Parallel()
	const grafana, exporter = "https://grafana.example.org", "https://hooks.example.org/pages"
	got, err := render(t, "--set=flags.demo=true,prometheusRule.enabled=true,prometheusRule.videos=true,dashboards.enabled=true,"+
		"grafanaURL="+grafana+"/,webExternalURL="+exporter)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"example.com", "localhost"} {
		if i := strings.Index(got, other); i >= 0 {
			t.Errorf("%s is left over: %s", other, got[max(0, i-100):i+50])
		}
	}
	linked := strings.NewReplacer(
		"https://grafana.example.com", grafana,
		"https://git.example.com/omegastream_exporter/docs/runbooks.md", exporter+"/runbooks",
		"http://localhost:9877", exporter,
	)
	var want, found []any
	for _, file := range []string{"prometheusrule.yaml", "prometheusrule-videos.yaml"} {
		text := linked.Replace(read(t, "../dashboards/rules/"+file))
		for _, o := range parse(t, text) {
			want = append(want, o.Spec.Groups)
		}
	}
	shown := map[string]string{}
	for _, o := range parse(t, got) {
		switch o.Kind {
		case "PrometheusRule":
			found = append(found, o.Spec.Groups)
		case "ConfigMap":
			if o.Metadata.Labels["grafana_dashboard"] != "1" {
				t.Errorf("%s: Grafana's sidecar does not find the labels %v", o.Metadata.Name, o.Metadata.Labels)
			}
			for file, content := range o.Data {
				shown[file] = content
			}
		}
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("the rules differ from dashboards/rules:\n%s", diff)
	}
	wanted := dashboards(t)
	for file, content := range wanted {
		wanted[file] = linked.Replace(content)
	}
	if diff := cmp.Diff(wanted, shown); diff != "" {
		t.Errorf("the ConfigMaps differ from dashboards/*.json:\n%s", diff)
	}
}

// TestChartDashboardsFollowTheObjective checks that the dashboards have the objective of the
// alerts, in numbers and words, and that nothing else in them changes.
func TestChartDashboardsFollowTheObjective(t *testing.T) {
	t.Parallel()
	got, err := render(t, "--set=flags.demo=true,dashboards.enabled=true,prometheusRule.objective=0.995")
	if err != nil {
		t.Fatal(err)
	}
	back := strings.NewReplacer(
		`"value": 0.995`, `"value": 0.99`, `"value": 0.955`, `"value": 0.95`, " / 0.005", " / 0.01",
		"bjective is 99.5 %", "bjective is 99 %", "bjective, 99.5 %", "bjective, 99 %", "bjective: 99.5 %", "bjective: 99 %", "Up to 0.5 %", "Up to 1 %",
	)
	wanted, found := dashboards(t), map[string]string{}
	for _, o := range parse(t, got) {
		for file, content := range o.Data {
			found[file] = back.Replace(content)
			if file != "webhook-deliveries.json" {
				continue
			}
			for _, left := range []string{`"value": 0.99`, `"value": 0.95`, " 99 %", " 1 %", " / 0.01"} {
				if regexp.MustCompile(regexp.QuoteMeta(left) + `(\D|$)`).MatchString(content) {
					t.Errorf("%s: %q is left over", file, left)
				}
			}
		}
	}
	if diff := cmp.Diff(wanted, found); diff != "" {
		t.Errorf("-dashboards/*.json +the ConfigMaps with the default objective put back:\n%s", diff)
	}
}

// TestChartNamesItsJob checks that each release in a namespace has its own job, because one that
// is down would otherwise hide behind another one.
func TestChartNamesItsJob(t *testing.T) {
	t.Parallel()
	for release, want := range map[string]string{"omegastream-exporter": "omegastream-exporter", "shop": "shop-omegastream-exporter"} {
		for _, monitor := range []string{"serviceMonitor", "podMonitor"} {
			text, err := output("", tool(t, "helm"), "template", release, chart, "--set=flags.demo=true,"+monitor+".enabled=true")
			if err != nil {
				t.Fatal(err)
			}
			var found []string
			for _, o := range parse(t, text) {
				for _, e := range slices.Concat(o.Spec.Endpoints, o.Spec.PodMetricsEndpoints) {
					for _, r := range e.Relabelings {
						found = append(found, r.TargetLabel+"="+r.Replacement)
					}
				}
			}
			if !slices.Equal(found, []string{"job=" + want}) {
				t.Errorf("%s: the %s sets %q, want job=%s", release, monitor, found, want)
			}
		}
	}
}

// TestChartPackage checks that the package contains rules and dashboards, and that Helm
// reports no problem.
func TestChartPackage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pack := exec.Command(tool(t, "helm"), "package", chart, "--destination", dir)
	var complaint bytes.Buffer
	pack.Stderr = &complaint
	if err := pack.Run(); err != nil || complaint.Len() > 0 {
		t.Fatalf("helm package: %v, it reports:\n%s", err, complaint.String())
	}
	packages, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(packages) != 1 {
		t.Fatalf("found %v, %v", packages, err)
	}
	file, err := os.Open(packages[0])
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		if name, is := strings.CutPrefix(header.Name, "omegastream-exporter/files/"); is {
			found[name] = string(content)
		}
	}
	want := dashboards(t)
	for _, rules := range []string{"prometheusrule.yaml", "prometheusrule-videos.yaml"} {
		want[rules] = read(t, "../dashboards/rules/"+rules)
	}
	want["thresholds.yaml"] = read(t, filepath.Join(chart, "files", "thresholds.yaml"))
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("-dashboards +package:\n%s", diff)
	}
}

// TestChartValues checks values that change more than their own text.
func TestChartValues(t *testing.T) {
	t.Parallel()
	const key = "apiKey.existingSecret=key,"
	for _, tt := range []struct{ name, set, has, lacks string }{
		{"no volume", key + "persistence.enabled=false", "emptyDir: {}", "kind: PersistentVolumeClaim"},
		{"a claim that is there", key + "persistence.existingClaim=mine", "claimName: mine", "kind: PersistentVolumeClaim"},
		{"state in memory", key + "flags.state.url=memory:", "--state.url=memory:", "/data"},
		{"another file", key + "flags.state.url=file:/data/other.db", "--state.url=file:/data/other.db", "ledger.db"},
		{"the key by a variable", "env[0].name=OMEGASTREAM_API_KEY,env[0].value=x", "name: OMEGASTREAM_API_KEY", "--api.key-file"},
		{"the key in a mounted file", "flags.api.key-file=/run/key", "--api.key-file=/run/key", "secretName"},
		{"the state's URL in a mounted file", key + "mode=replicated,flags.state.url-file=/run/url", "--state.url-file=/run/url", "secretName: demo-omegastream-exporter-state"},
		{"a prefix that the proxy takes off", key + "flags.web.external-url=https://example.com/hooks,flags.web.route-prefix=/", "path: /-/ready", "path: /hooks"},
		{"one replica needs no file", key + "mode=replicated,state.existingSecret=state,replicas=1", "replicas: 1\n", "ledger.db"},
		{"a version", key + "image.tag=9.9.9", "omegastream_exporter:9.9.9", "omegastream_exporter:0"},
		{"part of another chart", key + "enabled=true,global.any=thing", "kind: Deployment", "kind: Ingress"},
		{"an alert that is off", key + "prometheusRule.enabled=true,prometheusRule.disabled.OmegaStreamNoEvents=true", "alert: OmegaStreamEndpointFailing", "alert: OmegaStreamNoEvents"},
		{"a threshold", key + "prometheusRule.enabled=true,prometheusRule.alerts.OmegaStreamExporterStale.threshold=600", "> 600", "> 300"},
		{"another for", key + "prometheusRule.enabled=true,prometheusRule.alerts.OmegaStreamEndpointFailing.for=17m", "for: 17m", "for: 2m"},
		{"another severity", key + "prometheusRule.enabled=true,prometheusRule.alerts.OmegaStreamEndpointFailing.severity=page", "severity: page", "no such text"},
		{"labels of alerts", key + "prometheusRule.enabled=true,prometheusRule.additionalLabels.team=video", "team: video", "no such text"},
		{"an objective", key + "prometheusRule.enabled=true,prometheusRule.objective=0.995", "> 14.4 * 0.005", "* 0.01"},
		{"an objective in words", key + "prometheusRule.enabled=true,prometheusRule.objective=0.995", "at most 0.5 %", "at most 1 %"},
		{"an address", key + "webExternalURL=https://example.com/hooks", "--web.external-url=https://example.com/hooks", "path: /-/ready"},
		{"an Ingress", key + "webExternalURL=https://example.com/hooks,ingress.enabled=true", "host: example.com\n      http:\n        paths:\n          - path: /hooks\n", "kind: HTTPRoute"},
		{"an HTTPRoute", key + "webExternalURL=https://example.com,httpRoute.enabled=true,httpRoute.parentRefs[0].name=public", "hostnames: [\"example.com\"]", "kind: Ingress"},
		{"no memory limit beside the container's", key, "memory: 128Mi", "GOMEMLIMIT"},
		{"no trace of the state's password", "mode=replicated,apiKey.existingSecret=a,state.url=postgres://u:p@db/x", "kind: Secret", "checksum/"},
		{"another name", key + "fullnameOverride=x", "name: x\n", "name: demo"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text, err := render(t, "--set="+tt.set)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(text, tt.has) || strings.Contains(text, tt.lacks) {
				t.Errorf("it must contain %q and not %q:\n%s", tt.has, tt.lacks, text)
			}
		})
	}
}

// TestChartRefuses checks that values that cannot work fail with an error that says what to
// change.
func TestChartRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, set, want string }{
		{"no key", "", "there is no API key: set apiKey.existingSecret"},
		{"two keys", "apiKey.existingSecret=a,apiKey.value=b", "the API key is given more than once"},
		{"no state", "mode=replicated,apiKey.existingSecret=a", "mode=replicated needs a state in PostgreSQL"},
		{"two states", "mode=replicated,apiKey.existingSecret=a,state.existingSecret=b,flags.state.url=postgres://h/d", "the state is given more than once"},
		{"a file for replicas", "mode=replicated,apiKey.existingSecret=a,flags.state.url=file:x", "it must be a postgres:// URL"},
		{"a state that is not used", "apiKey.existingSecret=a,state.existingSecret=b", "belong to mode=replicated"},
		{"replicas of the demo", "mode=replicated,flags.demo=true", "use mode=standalone"},
		{"an Ingress to nowhere", "flags.demo=true,ingress.enabled=true", "ingress.enabled needs webExternalURL"},
		{"a route without a Gateway", "flags.demo=true,webExternalURL=https://a,httpRoute.enabled=true", "httpRoute.parentRefs names the Gateway"},
		{"both", "flags.demo=true,webExternalURL=https://a,ingress.enabled=true,httpRoute.enabled=true,httpRoute.parentRefs[0].name=x", "enable one of the two"},
		{"a threshold of the budget", "flags.demo=true,prometheusRule.enabled=true,prometheusRule.alerts.OmegaStreamErrorBudgetBurningFast.threshold=2", "the error budget follows prometheusRule.objective"},
		{"unknown alert", "flags.demo=true,prometheusRule.disabled.OmegaStream=true", "there is no alert OmegaStream"},
		{"both monitors", "flags.demo=true,serviceMonitor.enabled=true,podMonitor.enabled=true", "would scrape every pod twice"},
		{"an address without a port", "flags.demo=true,flags.web.listen-address={localhost}", "ends in no port"},
		{"unknown mode", "mode=sidecar", "at '/mode': value must be one of 'standalone', 'replicated'"},
		{"unknown value", "replica=3", "additional properties 'replica' not allowed"},
		{"unknown flag", "flags.api.rate=3", "at '/flags/api': additional properties 'rate' not allowed"},
		{"wrong type", "flags.api.concurrency=many", "at '/flags/api/concurrency': got string, want null or integer"},
		{"wrong duration", "flags.collector.window=1day", "at '/flags/collector/window': '1day' does not match pattern"},
		{"wrong choice", "flags.log.level=loud", "at '/flags/log/level': value must be one of"},
		{"a grace under the drain", "terminationGracePeriodSeconds=5", "at '/terminationGracePeriodSeconds'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text, err := render(t, "--set="+tt.set)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s\n%s", err, tt.want, text)
			}
		})
	}
}
