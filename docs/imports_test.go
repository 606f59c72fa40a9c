package docs_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// CONTRIBUTING.md draws which package imports which of ours, and says that the others import
// none.
func TestImportsAreAsDrawn(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(root + "/CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	drawn := make(map[string]string)
	for _, m := range regexp.MustCompile(`(?m)^ {4}([a-z/]+) +-> {2}(.+)$`).FindAllStringSubmatch(string(page), -1) {
		drawn[m[1]] = sorted(strings.Split(m[2], ", "))
	}
	if len(drawn) < 10 {
		t.Fatalf("only %d packages are drawn: %v", len(drawn), drawn)
	}
	list := exec.Command("go", "list", "-f", `{{.ImportPath}}:{{join .Imports " "}}`, ".", "./client", "./collector", "./docs", "./internal/...")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	const module = "omegastream_exporter"
	short := func(path string) string {
		if path == module {
			return "main"
		}
		return strings.TrimPrefix(strings.TrimPrefix(path, module+"/"), "internal/")
	}
	for line := range strings.Lines(string(out)) {
		path, imports, _ := strings.Cut(strings.TrimSpace(line), ":")
		name := short(path)
		var ours []string
		for _, imported := range strings.Fields(imports) {
			if strings.HasPrefix(imported, module+"/") {
				ours = append(ours, short(imported))
			}
		}
		switch {
		case strings.HasPrefix(name, "test/"), name == "state/storetest": // of tests
		case name == "app":
			if slices.Contains(ours, "command") {
				t.Errorf("app imports command")
			}
		case sorted(ours) != drawn[name]:
			t.Errorf("%s imports %s, drawn is %s", name, sorted(ours), drawn[name])
		}
	}
}

// sorted returns names as one text, in order.
func sorted(names []string) string { return strings.Join(slices.Sorted(slices.Values(names)), ", ") }
