package deploy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// together lists the folders of deploy/kubernetes that are applied together.
var together = map[string][]string{
	"sidecar":        {"sidecar", "podmonitor", "rules", "dashboards"},
	"sidecar shared": {"sidecar-shared", "podmonitor", "rules"},
	"standalone":     {"standalone", "servicemonitor", "rules", "network-policy", "dashboards"},
	"replicated":     {"replicated", "servicemonitor", "rules", "network-policy-replicated"},
}

// notApplied lists the folders that are only parts of others.
var notApplied = []string{"image"}

func TestManifests(t *testing.T) {
	t.Parallel()
	used := slices.Clone(notApplied)
	for name, folders := range together {
		used = append(used, folders...)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var manifests []string
			for _, folder := range folders {
				manifests = append(manifests, build(t, folder))
			}
			if err := check(t, manifests...); err != nil {
				t.Error(err)
			}
		})
	}
	folders, err := filepath.Glob("kubernetes/*/kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if folder = filepath.Base(filepath.Dir(folder)); !slices.Contains(used, folder) {
			t.Errorf("no test checks kubernetes/%s", folder)
		}
	}
}

// TestManifestsHaveTheirFiles finds files that are missing in their kustomization.yaml.
func TestManifestsHaveTheirFiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("kubernetes/*/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		dir, name := filepath.Split(file)
		if name != "kustomization.yaml" && !strings.Contains(read(t, dir+"kustomization.yaml"), name+"\n") {
			t.Errorf("%s is not in its kustomization.yaml", file)
		}
	}
}

// TestSecretExample checks that pods mount the Secrets of the example.
func TestSecretExample(t *testing.T) {
	t.Parallel()
	example := read(t, "kubernetes/secret.example.yaml")
	if err := check(t, example); err != nil {
		t.Error(err)
	}
	for _, o := range parse(t, example) {
		if o.Kind != "Secret" {
			t.Errorf("a %s", o.Kind)
		}
		if text := build(t, "replicated"); !strings.Contains(text, "secretName: "+o.Metadata.Name+"\n") {
			t.Errorf("no pod mounts the Secret %s", o.Metadata.Name)
		}
	}
}

// TestNetworkPolicyOpensItsDatabase checks that the policies open what their variant calls, and
// nothing else: only replicas need PostgreSQL.
func TestNetworkPolicyOpensItsDatabase(t *testing.T) {
	t.Parallel()
	for folder, want := range map[string][]int{"network-policy": {53, 53, 443}, "network-policy-replicated": {53, 53, 443, 5432}} {
		var found []int
		for _, o := range parse(t, build(t, folder)) {
			for _, rule := range o.Spec.Egress {
				for _, p := range rule.Ports {
					found = append(found, p.Port)
				}
			}
		}
		if !slices.Equal(found, want) {
			t.Errorf("%s opens the ports %d, want %d", folder, found, want)
		}
	}
}

// TestSidecarOverlapsItsPredecessor checks that a rollout keeps the old pod until Prometheus has
// scraped the new one. Sidecars that share a state need no such pause.
func TestSidecarOverlapsItsPredecessor(t *testing.T) {
	t.Parallel()
	for folder, want := range map[string]int{"sidecar": 60, "sidecar-shared": 0} {
		for _, o := range parse(t, build(t, folder)) {
			if o.Kind == "Deployment" && o.Spec.MinReadySeconds != want {
				t.Errorf("%s waits %d s, want %d", folder, o.Spec.MinReadySeconds, want)
			}
		}
	}
}

// TestSidecarCountsItsFirstMinutes checks that a new pod, which has no state, counts the
// failures of the minutes in which it replaced another one.
func TestSidecarCountsItsFirstMinutes(t *testing.T) {
	t.Parallel()
	c := exporters(parse(t, build(t, "sidecar")))[0]
	if !slices.Contains(c.Args, "--collector.count-since=10m") {
		t.Errorf("its arguments are %q", c.Args)
	}
}

// TestDashboardsAndRules checks that the manifests contain the full dashboards and rules of
// dashboards/.
func TestDashboardsAndRules(t *testing.T) {
	t.Parallel()
	found := map[string]string{}
	for _, o := range parse(t, build(t, "dashboards")) {
		if o.Metadata.Labels["grafana_dashboard"] != "1" {
			t.Errorf("%s: Grafana's sidecar does not find the labels %v", o.Metadata.Name, o.Metadata.Labels)
		}
		for file, content := range o.Data {
			found[file] = content
			// kubectl apply stores the object in an annotation, which is limited to 256 KiB.
			if applied, err := json.Marshal(content); err != nil || len(applied) > 250_000 {
				t.Errorf("%s is too large for kubectl apply: %d bytes, %v", file, len(applied), err)
			}
		}
	}
	if diff := cmp.Diff(dashboards(t), found); diff != "" {
		t.Errorf("the ConfigMaps differ from dashboards/*.json:\n%s", diff)
	}
	rules := parse(t, build(t, "rules"))
	if diff := cmp.Diff(parse(t, read(t, "../dashboards/rules/prometheusrule.yaml")), rules); diff != "" {
		t.Errorf("the rules differ from dashboards/rules:\n%s", diff)
	}
}

// dashboards returns the dashboards by file name.
func dashboards(t *testing.T) map[string]string {
	t.Helper()
	files, err := os.ReadDir("../dashboards")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, file := range files {
		if path := "../dashboards/" + file.Name(); filepath.Ext(path) == ".json" {
			if content := read(t, path); strings.Contains(content, `"schemaVersion"`) {
				found[file.Name()] = content
			}
		}
	}
	if len(found) < 2 {
		t.Fatalf("found %d dashboards", len(found))
	}
	return found
}
