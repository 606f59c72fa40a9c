package main

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

// The sample module has one package for each way in which a run can end. To update the
// expected reports: go test ./tools/testsummary -update.
func TestReport(t *testing.T) {
	for _, tt := range []struct {
		name     string
		args     []string
		race, ci bool
		status   int
	}{
		{name: "every ending", args: []string{"./..."}, race: true, status: 1},
		{name: "skipped", args: []string{"./good"}, race: true, status: 0},
		{name: "skipped in CI", args: []string{"./good"}, race: true, ci: true, status: 1},
		{name: "no race detector", args: []string{"-run=TestFine", "./bad"}, status: 0},
		{name: "no such package", args: []string{"./absent"}, race: true, status: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			golden, err := filepath.Abs(filepath.Join("testdata", strings.ReplaceAll(tt.name, " ", "-")+".golden"))
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(filepath.Join("testdata", "module"))
			var out strings.Builder
			// Test one package at a time, in alphabetical order.
			if got := run(append([]string{"-p=1", "-count=1"}, tt.args...), tt.race, tt.ci, &out); got != tt.status {
				t.Errorf("exit status %d, want %d", got, tt.status)
			}
			dir, err := os.Getwd()
			if err != nil {
				t.Fatal(err)
			}
			got := masked(strings.ReplaceAll(out.String(), dir, "DIR"))
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("the report differs (-want +got):\n%s", diff)
			}
		})
	}
}

var (
	seconds   = regexp.MustCompile(`\b\d+\.\d+s`)
	addresses = regexp.MustCompile(`(?m)^(goroutine |\t|[\w./]+\(.*\)$|created by ).*\n?`)
)

// masked returns a report without what differs between runs and Go versions: times, and the
// frames of a panic.
func masked(report string) string {
	return addresses.ReplaceAllString(seconds.ReplaceAllString(report, "0.0s"), "")
}

// The summary names each reason for skipped tests once.
func TestGrouped(t *testing.T) {
	t.Parallel()
	got := grouped([]skip{
		{"deploy TestA", "needs helm"},
		{"web TestB", "needs helm"},
		{"deploy TestC/x", "needs helm"},
		{"deploy TestD", "needs promtool"},
		{"the race detector", "needs cgo"},
	})
	want := []skip{
		{"deploy TestA and 1 more", "needs helm"},
		{"web TestB", "needs helm"},
		{"deploy TestD", "needs promtool"},
		{"the race detector", "needs cgo"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
