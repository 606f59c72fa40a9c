// Package tools finds the tools that `make tools` builds, for tests.
package tools

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
)

// modules maps each tool to its module below tools/ and to the module whose version is part
// of the name of its folder in .tools, so that a new version is another binary.
var modules = map[string]struct{ folder, module string }{
	"prometheus":       {"prometheus", "github.com/prometheus/prometheus"},
	"promtool":         {"prometheus", "github.com/prometheus/prometheus"},
	"alertmanager":     {"alertmanager", "github.com/prometheus/alertmanager"},
	"amtool":           {"alertmanager", "github.com/prometheus/alertmanager"},
	"helm":             {"kubernetes", "helm.sh/helm/v4"},
	"kustomize":        {"kubernetes", "helm.sh/helm/v4"},
	"controller-gen":   {"kubernetes", "helm.sh/helm/v4"},
	"checkmanifests":   {"kubernetes", "helm.sh/helm/v4"},
	"kubectl-validate": {"kubectl-validate", "sigs.k8s.io/kubectl-validate"},
	"checkcompose":     {"compose", "github.com/compose-spec/compose-go/v2"},
}

// Path returns the path of a tool, in the version that tools/ names. root is the root of the
// repository. The error for a missing tool says how to build it.
func Path(root, tool string) (string, error) {
	m, ok := modules[tool]
	if !ok {
		return "", fmt.Errorf("%s: not one of the tools", tool)
	}
	file := filepath.Join(root, "tools", m.folder, "go.mod")
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	found := regexp.MustCompile(`(?m)^\s*(?:require )?` + regexp.QuoteMeta(m.module) + ` (v\S+)`).FindSubmatch(text)
	if found == nil {
		return "", fmt.Errorf("%s: names no version of %s", file, m.module)
	}
	path, err := filepath.Abs(filepath.Join(root, ".tools", fmt.Sprintf("%s-%s-%s", m.folder, found[1], runtime.Version()), tool))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil { //nolint:gosec // made of constants and the repository's own go.mod
		return "", fmt.Errorf("%s: no %s; `make tools` builds it", tool, path)
	}
	return path, nil
}
