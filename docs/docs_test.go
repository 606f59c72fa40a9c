package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the path of the repository.
const root = ".."

// Every test that development/promises.md names exists in the package named before it.
func TestPromisesNameTests(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("development/promises.md")
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	source := ""
	quoted := regexp.MustCompile("`([^`]+)`")
	for _, m := range quoted.FindAllStringSubmatch(string(page), -1) {
		name := m[1]
		switch {
		case strings.HasPrefix(name, "Test"), strings.HasPrefix(name, "Fuzz"):
			named++
			if !strings.Contains(source, "\nfunc "+name+"(") {
				t.Errorf("%s is not a test of the package named before it", name)
			}
		default:
			if info, err := os.Stat(filepath.Join(root, name)); err == nil && info.IsDir() {
				source = sources(t, filepath.Join(root, name))
			}
		}
	}
	if named < 50 {
		t.Errorf("only %d tests were found in the page", named)
	}
}

// sources returns the test files of a folder as one text.
func sources(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(content)
	}
	return all.String()
}
