//go:build linux

package image

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/internal/test/needs"
)

// goImage replaces the Dockerfile's GO_IMAGE.
const goImage = "localhost/go"

// certificates is the path of the CA certificates, on Debian and in golang's images.
const certificates = "/etc/ssl/certs/ca-certificates.crt"

// makeGoImage builds the image that the Dockerfile builds in: a shell with the few commands
// that it uses, and CA certificates including that of the test. Go, its modules and its cache
// are mounted, so that packages are compiled only once on this machine.
func (e *engine) makeGoImage(authority string) (flags []string) {
	e.t.Helper()
	busybox := needs.Tool(e.t, "busybox")
	if out, err := exec.CommandContext(e.t.Context(), "ldd", busybox).CombinedOutput(); err == nil {
		needs.Missing(e.t, "busybox without libraries (Debian's busybox-static): "+string(out))
	}
	system, err := os.ReadFile(certificates)
	if err != nil {
		needs.Missing(e.t, err.Error())
	}
	e.write("go/etc/ssl/certs/ca-certificates.crt", string(system)+authority)
	e.write("go/tmp/.keep", "")
	program, err := os.ReadFile(busybox)
	if err != nil {
		e.t.Fatal(err)
	}
	if err := os.Chmod(e.write("go/bin/busybox", string(program)), 0o755); err != nil {
		e.t.Fatal(err)
	}
	for _, applet := range []string{"sh", "mkdir", "cp", "chmod", "find", "touch"} {
		if err := os.Symlink("busybox", e.path("go/bin/"+applet)); err != nil {
			e.t.Fatal(err)
		}
	}
	goroot := e.run(root(e.t), "go", "env", "GOROOT")
	e.write("go/Dockerfile", `FROM scratch
COPY bin /bin
COPY etc /etc
COPY tmp /tmp
ENV PATH=`+goroot+`/bin:/bin HOME=/tmp GOPROXY=file:///modules GOSUMDB=off GOTOOLCHAIN=local GOCACHE=/cache
`)
	e.run(e.path("go"), "buildah", "build", "-t", goImage, ".")

	modules, cache := e.run(root(e.t), "go", "env", "GOMODCACHE"), e.run(root(e.t), "go", "env", "GOCACHE")
	e.run(root(e.t), "go", "mod", "download")
	return []string{
		"--volume=" + goroot + ":" + goroot + ":ro",
		"--volume=" + filepath.Join(modules, "cache", "download") + ":/modules:ro",
		"--volume=" + cache + ":/cache",
		"--build-arg=GO_IMAGE=" + goImage,
	}
}

// stamp holds the build arguments about the commit.
var stamp = []string{
	"VERSION=v1.2.3-test", "REVISION=0123456789abcdef0123456789abcdef01234567", "BUILD_DATE=20240102-03:04:05",
	"EPOCH=" + strconv.FormatInt(stamped.Unix(), 10),
}

var stamped = time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)

// build builds the image from the sources in dir.
func (e *engine) build(dir, name string, flags []string) {
	e.t.Helper()
	began := time.Now()
	args := append([]string{"image", "IMAGE=" + name, "IMAGE_TOOL=buildah", "IMAGE_FLAGS=" + strings.Join(flags, " ")}, stamp...)
	e.run(dir, "make", args...)
	e.t.Logf("built %s in %s", name, time.Since(began).Round(time.Second))
}

// root is the root of the repository.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// copySources copies the files that git would commit to another folder, with other times.
func (e *engine) copySources() (dir string) {
	e.t.Helper()
	dir = e.path("elsewhere")
	for _, name := range strings.Split(e.run(root(e.t), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), "\x00") {
		content, err := os.ReadFile(filepath.Join(root(e.t), name))
		if name == "" || os.IsNotExist(err) { // removed, but not yet committed
			continue
		}
		if err != nil {
			e.t.Fatal(err)
		}
		old := time.Unix(1e9, 0)
		if err := os.Chtimes(e.write(filepath.Join("elsewhere", name), string(content)), old, old); err != nil {
			e.t.Fatal(err)
		}
	}
	return dir
}

// mounted mounts the file system of an image, and returns its path.
func (e *engine) mounted(image string) string {
	e.t.Helper()
	return e.podman("image", "mount", image)
}

// files lists an image's files, with their modes, owners and times.
func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if strings.HasPrefix(name, "licenses") && info.Size() > 0 {
			list = append(list, name) // they depend on the modules
			return nil
		}
		list = append(list, describe(name, info))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
