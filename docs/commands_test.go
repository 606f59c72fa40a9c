package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"omegastream_exporter/internal/test/needs"
)

// terminal is the maximum width of a command.
const terminal = 80

var (
	block     = regexp.MustCompile("(?ms)^```sh\n(.*?)\n```$")
	makeCall  = regexp.MustCompile(`\bmake ([a-z][a-z-]*)`)
	benchmark = regexp.MustCompile(`\bBENCH=([A-Z]\w*)`)
	flagName  = regexp.MustCompile(`--((?:api|collector|log|state|web|webhook)\.[a-z.-]*[a-z])`)
)

// TestCommands checks the form of the commands on every page: the shell can parse them, they
// fit a terminal, and their make targets, benchmarks and flags exist.
func TestCommands(t *testing.T) {
	t.Parallel()
	bash, makefile := needs.Tool(t, "bash"), text(t, "Makefile")
	benchmarks := sources(t, filepath.Join(root, "internal", "test", "bench"))
	flags := text(t, "internal/config/flags.go") + text(t, "internal/config/validate.go")
	scripts, targets := 0, 0
	for _, page := range pages(t) {
		if strings.HasSuffix(page, "CHANGELOG.md") { // names targets of earlier versions
			continue
		}
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range block.FindAllSubmatch(content, -1) {
			scripts++
			script := string(m[1])
			parse := exec.CommandContext(t.Context(), bash, "-n")
			parse.Stdin = strings.NewReader(script)
			if out, err := parse.CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s\n%s", page, err, out, script)
			}
			for line := range strings.SplitSeq(script, "\n") {
				if n := utf8.RuneCountInString(line); n > terminal {
					t.Errorf("%s: a command of %d columns: %s", page, n, line)
				}
			}
		}
		for _, m := range makeCall.FindAllStringSubmatch(code(string(content)), -1) {
			targets++
			if !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s uses make %s, which is not a target", page, m[1])
			}
		}
		for _, m := range benchmark.FindAllStringSubmatch(string(content), -1) {
			if m[1] != "Name" && !strings.Contains(benchmarks, "\nfunc Benchmark"+m[1]) {
				t.Errorf("%s uses the benchmark %s, which does not exist", page, m[1])
			}
		}
		for _, m := range flagName.FindAllStringSubmatch(string(content), -1) {
			if !strings.Contains(flags, `"`+m[1]+`"`) {
				t.Errorf("%s uses the flag --%s, which does not exist", page, m[1])
			}
		}
	}
	if scripts < 20 || targets < 20 {
		t.Errorf("found only %d scripts and %d make targets", scripts, targets)
	}
}

// TestMakeHelpFits checks that the output of make fits a terminal.
func TestMakeHelpFits(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), needs.Tool(t, "make"), "--no-print-directory", "help")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(out), "\n") < 10 {
		t.Errorf("make help shows only %s", out)
	}
	for line := range strings.SplitSeq(string(out), "\n") {
		if n := utf8.RuneCountInString(line); n > terminal {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// text returns a file of the repository.
func text(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// quotedCode matches inline code, code blocks and indented code.
var quotedCode = []*regexp.Regexp{
	regexp.MustCompile("`.+?`"), regexp.MustCompile("(?s)\n```.*?\n```"), regexp.MustCompile(`\n {4}.*`),
}

// code returns the code of a page without its prose.
func code(page string) string {
	var found []string
	for _, kind := range quotedCode {
		found = append(found, kind.FindAllString(page, -1)...)
	}
	return strings.Join(found, "\n")
}
