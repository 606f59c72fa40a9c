//go:build linux

package image

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"omegastream_exporter/internal/test/needs"
)

// engine is buildah and podman, with storage and settings of the test.
type engine struct {
	t   *testing.T
	dir string
	env []string
}

// newEngine uses what works inside a container or a small virtual machine: images are
// unpacked by copying (vfs), builds run in a chroot, containers share the network, and limits
// do not exceed those of this process.
func newEngine(t *testing.T) *engine {
	t.Helper()
	for _, tool := range []string{"buildah", "podman", "make", "git"} {
		needs.Tool(t, tool)
	}
	runc := needs.Tool(t, "runc")
	if os.Geteuid() != 0 {
		needs.Missing(t, "root, to unpack an image with its owners")
	}
	e := &engine{t: t, dir: t.TempDir()}
	e.env = append(os.Environ(),
		"BUILDAH_ISOLATION=chroot", // podman reads it too
		"CONTAINERS_STORAGE_CONF="+e.write("storage.conf", fmt.Sprintf(
			"[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n", e.path("graph"), e.path("run"))),
		"CONTAINERS_CONF="+e.write("containers.conf", fmt.Sprintf(`
[containers]
netns = "host"
log_driver = "k8s-file"
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
infra_image = %q
tmp_dir = %q
[engine.runtimes]
runc = [%q]
`, pause, e.path("tmp"), runc)))
	t.Cleanup(func() {
		// Do not use e.run, because the test's context has ended.
		for _, args := range [][]string{{"pod", "rm"}, {"rm"}} {
			cmd := exec.Command("podman", append(args, "--all", "--force", "--time", "0")...)
			cmd.Env = e.env
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("podman %s: %v: %s", args, err, out)
			}
		}
	})
	return e
}

func (e *engine) path(name string) string { return filepath.Join(e.dir, name) }

// write writes a file that a container's user can read.
func (e *engine) write(name, content string) (path string) {
	e.t.Helper()
	path = e.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		e.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		e.t.Fatal(err)
	}
	return path
}

// try runs a command in dir, and returns its two outputs.
func (e *engine) try(dir, name string, args ...string) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(e.t.Context(), name, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, e.env, &out, &errs
	err = cmd.Run()
	return strings.TrimSpace(out.String()), strings.TrimSpace(errs.String()), err
}

// run runs a command that must succeed.
func (e *engine) run(dir, name string, args ...string) string {
	e.t.Helper()
	out, errs, err := e.try(dir, name, args...)
	if err != nil {
		e.t.Fatalf("%s %s: %v\n%s\n%s", name, strings.Join(args, " "), err, out, errs)
	}
	return out
}

func (e *engine) podman(args ...string) string {
	e.t.Helper()
	return e.run(e.dir, "podman", args...)
}
