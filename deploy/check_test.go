package deploy_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"omegastream_exporter/internal/test/tools"
)

// kubernetesVersions are the versions that all manifests must be valid for: the oldest one
// that the chart supports, and the newest one that kubectl-validate has schemas for.
var kubernetesVersions = []string{"1.27", "1.30"}

// customResources generates the schemas of the Prometheus operator from its Go types.
var customResources = sync.OnceValues(func() (string, error) {
	dir, err := work()
	if err != nil {
		return "", err
	}
	controllerGen, err := tools.Path("..", "controller-gen")
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "crds")
	_, err = output("../tools/kubernetes", controllerGen, "crd:maxDescLen=0",
		"paths=github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1", "output:crd:dir="+dir)
	return dir, err
})

// check checks manifests that are applied together, against the schemas of Kubernetes and the
// Prometheus operator, and beyond what schemas express.
func check(t *testing.T, manifests ...string) error {
	t.Helper()
	return checkFor(t, kubernetesVersions, manifests...)
}

func checkFor(t *testing.T, versions []string, manifests ...string) error {
	t.Helper()
	checkManifests, validate := tool(t, "checkmanifests"), tool(t, "kubectl-validate")
	tool(t, "controller-gen")
	crds, err := customResources()
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for i, manifest := range manifests {
		files = append(files, write(t, fmt.Sprintf("%d.yaml", i), manifest))
	}
	_, err = output("", checkManifests, files...)
	problems := []error{err}
	for _, version := range versions {
		_, err := output("", validate, append([]string{"--version=" + version, "--local-crds=" + crds}, files...)...)
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// build returns what kubectl applies for a folder of deploy/kubernetes.
func build(t *testing.T, folder string) string {
	t.Helper()
	text, err := output("", tool(t, "kustomize"), "build", filepath.Join("kubernetes", folder))
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(text) == "" {
		t.Fatalf("%s: is empty", folder)
	}
	return text
}

// render returns what helm installs.
func render(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return output("", tool(t, "helm"), append([]string{"template", "demo", chart, "--namespace=monitoring"}, args...)...)
}

const chart = "helm/omegastream-exporter"
