// Package gobuild builds the exporter for tests that run it as people do.
package gobuild

import (
	"fmt"
	"os"
	"os/exec"
)

// Exporter builds the exporter at path with the flags of `make build` and `make demo`, so that
// Go compiles its packages once for all of them. It needs Go in the PATH and a working
// directory within the module.
func Exporter(path string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags=timetzdata", "-ldflags=-s -w", "-o", path, "omegastream_exporter") //nolint:gosec,noctx // The caller is a test, with a time limit of its own.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}
