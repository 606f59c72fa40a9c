package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v2"
)

// workflow holds the parts of a GitHub workflow that a test can check without GitHub.
type workflow struct {
	Permissions map[string]string
	Jobs        map[string]struct {
		Uses           string
		Permissions    map[string]string
		TimeoutMinutes int `yaml:"timeout-minutes"`
		Steps          []struct {
			Uses, Run string
			With      map[string]string
		}
	}
}

// mayWrite lists the write permissions of the jobs. All code that a job runs has them.
var mayWrite = map[string]bool{
	"release.yml archives contents": true, "release.yml archives id-token": true, "release.yml archives attestations": true,
	"release.yml image packages": true, "release.yml image id-token": true, "release.yml image attestations": true,
}

var (
	pinned = regexp.MustCompile(`^[a-z0-9-]+/[a-z0-9-]+@[0-9a-f]{40}$`)
	// GitHub expands expressions before the shell reads the script, so they can inject
	// commands.
	expression = regexp.MustCompile(`\$\{\{`)
)

// Workflows pin the actions of others by commit, have no unneeded permissions, and call only
// what exists.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(root + "/.github/workflows/*.yml")
	if err != nil || len(files) != 2 {
		t.Fatalf("workflows %q: %v", files, err)
	}
	seen := 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var w workflow
		if err := yaml.Unmarshal(content, &w); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if w.Permissions == nil || len(w.Jobs) == 0 {
			t.Errorf("%s: no permissions for all jobs, or no jobs", file)
		}
		for name, job := range w.Jobs {
			place := filepath.Base(file) + " " + name
			for right, access := range job.Permissions {
				if access == "write" && !mayWrite[place+" "+right] {
					t.Errorf("%s has permission to write %s", place, right)
				}
			}
			if called, ok := strings.CutPrefix(job.Uses, "./"); ok {
				if _, err := os.Stat(filepath.Join(root, called)); err != nil {
					t.Errorf("%s: %v", place, err)
				}
			} else if job.TimeoutMinutes == 0 {
				t.Errorf("%s has no time limit", place)
			}
			published, attested := job.Permissions["packages"] == "write" || job.Permissions["contents"] == "write", false
			for _, step := range job.Steps {
				attested = attested || strings.HasPrefix(step.Uses, "actions/attest-build-provenance@")
				if step.Uses != "" {
					seen++
					if !pinned.MatchString(step.Uses) {
						t.Errorf("%s uses %s, which is not pinned by a commit's digest", place, step.Uses)
					}
				}
				if strings.HasPrefix(step.Uses, "actions/checkout@") && step.With["persist-credentials"] != "false" {
					t.Errorf("%s leaves the token readable for every step", place)
				}
				if expression.MatchString(step.Run) {
					t.Errorf("%s puts an expression into a script: %s", place, step.Run)
				}
			}
			if published != attested {
				t.Errorf("%s publishes: %v, attests: %v", place, published, attested)
			}
		}
		for right, access := range w.Permissions {
			if access != "read" {
				t.Errorf("%s: every job may %s %s", file, access, right)
			}
		}
		// People need the version beside the digest.
		for line := range strings.Lines(string(content)) {
			if _, action, ok := strings.Cut(line, "uses: actions/"); ok && !regexp.MustCompile(` # v\d+\.\d+\.\d+\n$`).MatchString(action) {
				t.Errorf("%s: a comment must give the version of %s", file, action)
			}
		}
	}
	if seen < 5 {
		t.Errorf("found only %d actions", seen)
	}
}

// The release workflow uploads the files that make release builds, and calls existing targets
// of the Makefile.
func TestWorkflowsCallTargets(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(root + "/.github/workflows/release.yml")
	if err != nil {
		t.Fatal(err)
	}
	targets := regexp.MustCompile(`(?m)\bmake ([a-z-]+)`).FindAllStringSubmatch(string(content), -1)
	if len(targets) != 2 {
		t.Errorf("calls %q", targets)
	}
	for _, target := range targets {
		if !strings.Contains(string(makefile), "\n"+target[1]+":") {
			t.Errorf("the Makefile has no target %s", target[1])
		}
	}
}

// npm installs packages without running their scripts, which would have the rights of the
// user.
func TestNoInstallRunsScripts(t *testing.T) {
	t.Parallel()
	install := regexp.MustCompile(`\bnpm (?:ci|install|i)\b[^\n]*`)
	found := 0
	for _, pattern := range []string{"Makefile", ".ci/*", ".github/workflows/*.yml", "*.md", "docs/*.md", "docs/*/*.md", "dashboards/*.md", "dashboards/*/run", "internal/*/*_test.go"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range install.FindAllString(string(content), -1) {
				found++
				if !strings.Contains(line, "--ignore-scripts") {
					t.Errorf("%s: %s", file, line)
				}
			}
		}
	}
	if found < 4 {
		t.Errorf("found only %d", found)
	}
}
