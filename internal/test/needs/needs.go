// Package needs is for tests that need something a machine can lack. On a developer's machine
// such a test is skipped, with a reason that starts with "needs" and that `make test` lists.
// With CI=true it fails.
package needs

import (
	"os"
	"os/exec"
	"testing"
)

// Tool returns the path of an executable.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, name+": not found in PATH")
	}
	return path
}

// Missing skips or fails a test that cannot run here. what names the missing thing and where
// it was looked for.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("needs " + what)
	}
	t.Skip("needs " + what)
}

// Minutes skips a test that takes long, or that repeats a faster test with a real server,
// except in CI and with `make test-all`, which sets LONG=1.
func Minutes(t testing.TB) {
	t.Helper()
	if !long() {
		t.Skip("needs minutes: `make test-all` runs it")
	}
}

// Count returns a number of repetitions, or a size: few on a developer's machine, many where
// Minutes lets tests run.
func Count(few, many int) int {
	if long() {
		return many
	}
	return few
}

func long() bool { return os.Getenv("CI") == "true" || os.Getenv("LONG") != "" }
