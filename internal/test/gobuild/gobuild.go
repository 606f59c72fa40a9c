// Package gobuild builds the exporter for tests that run it.
package gobuild

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
)

// flags are the flags of `make build` and `make demo`, so that Go compiles its packages once
// for all of them.
var flags = []string{"-trimpath", "-buildvcs=false", "-tags", "timetzdata"}

// Exporter builds the exporter at path. It needs Go in the PATH, and a working directory
// within the module.
func Exporter(path string) error {
	args := slices.Concat([]string{"build"}, flags, []string{"-ldflags", "-s -w", "-o", path, "omegastream_exporter"})
	cmd := exec.Command("go", args...) //nolint:gosec,noctx // The caller is a test, with a time limit of its own.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}
