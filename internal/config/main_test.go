package config

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The program in these tests exits after parsing, where it prints help, manual page and
// completions.
func TestMain(m *testing.M) {
	commands := map[string]func(){Program: parseOnly}
	if commands[filepath.Base(os.Args[0])] == nil {
		clearEnvironment()
	}
	testscript.Main(m, commands)
}

func parseOnly() {
	_, _, err := Parse(os.Args[1:], os.Stdout, os.Stderr)
	if exit := ExitError(0); errors.As(err, &exit) {
		os.Exit(int(exit))
	}
	Report(os.Stderr, err)
	os.Exit(1)
}

// clearEnvironment removes the developer's variables of the exporter.
func clearEnvironment() {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "OMEGASTREAM_") || name == "COLUMNS" {
			os.Unsetenv(name)
		}
	}
}

// To update the golden file: go test ./internal/config -run TestHelp -update
func TestHelp(t *testing.T) {
	t.Parallel()
	for golden, args := range map[string][]string{
		"testdata/help.txt":             {"--help"},
		"testdata/help_state.txt":       {"state", "--help"},
		"testdata/help_state_copy.txt":  {"state", "copy", "--help"},
		"testdata/help_healthcheck.txt": {"help", "healthcheck"},
	} {
		compareHelp(t, golden, args)
	}
}

func compareHelp(t *testing.T, golden string, args []string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	_, _, err := Parse(args, &stdout, &stderr)
	if exit := ExitError(0); !errors.As(err, &exit) || exit != 0 || stderr.Len() > 0 {
		t.Fatalf("%v, stderr %q", err, stderr.String())
	}
	if *update {
		if err := os.WriteFile(golden, stdout.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), stdout.String()); diff != "" {
		t.Errorf("%q differs from %s (-want +got):\n%s", args, golden, diff)
	}
	for line := range strings.Lines(stdout.String()) {
		if len(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("wider than 80 columns: %s", line)
		}
	}
}
