// Package needs is for tests that need something that a machine can lack. On a person's machine such a test is
// skipped with a reason that starts with "needs", which `make test` lists; with CI=true it fails.
package needs

import (
	"os"
	"os/exec"
	"testing"
)

// Tool returns the path of the executable name.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, name+": not found in PATH")
	}
	return path
}

// Missing ends a test that cannot run here. what names the thing and how it was looked for.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("needs " + what)
	}
	t.Skip("needs " + what)
}

// Minutes ends a test that takes long, or repeats on a real server what a faster
// test shows: it runs in CI and with `make test-all`, which sets LONG=1.
func Minutes(t testing.TB) {
	t.Helper()
	if !long() {
		t.Skip("needs minutes: `make test-all` runs it")
	}
}

// Count returns how many repetitions a test makes, or how large its account is: few on a
// person's machine, many where Minutes lets tests run.
func Count(few, many int) int {
	if long() {
		return many
	}
	return few
}

func long() bool { return os.Getenv("CI") == "true" || os.Getenv("LONG") != "" }
