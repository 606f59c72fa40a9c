package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	tag     = "v1.2.3"
	version = "1.2.3"
)

var committed = time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)

// command runs a command, and returns its output.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	at := committed.Format(time.RFC3339)
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_DATE="+at, "GIT_COMMITTER_DATE="+at, "GIT_CONFIG_GLOBAL=/dev/null", "MAKEFLAGS=")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s\n%s", name, strings.Join(args, " "), err, out.String(), errs.String())
	}
	return strings.TrimSpace(out.String())
}

// clone copies the files that git would commit to a new repository, in one commit with the
// tag.
func clone(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "clone")
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Split(command(t, root, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), "\x00") {
		info, err := os.Stat(filepath.Join(root, name))
		if name == "" || errors.Is(err, fs.ErrNotExist) { // removed, but not yet committed
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(filepath.Join(root, name))
		to := filepath.Join(dir, name)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, content, info.Mode())); err != nil {
			t.Fatal(err)
		}
	}
	command(t, dir, "git", "init", "--quiet", "--initial-branch=main")
	command(t, dir, "git", "add", "--all")
	command(t, dir, "git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false", "commit", "--quiet", "--message=all")
	command(t, dir, "git", "tag", tag)
	return dir
}

// `make release` builds every platform from a tag. The same commit gives the same bytes in
// another folder, on another branch.
func TestRelease(t *testing.T) {
	t.Parallel()
	first, second := clone(t), clone(t)
	command(t, first, "make", "release")
	command(t, second, "git", "checkout", "--quiet", "-b", "another")
	command(t, second, "make", "release", "PLATFORMS=linux/amd64 windows/arm64")

	sums := checksums(t, first)
	var names []string
	for _, platform := range []string{"darwin-amd64", "darwin-arm64", "linux-amd64", "linux-arm64", "windows-amd64", "windows-arm64"} {
		end := ".tar.gz"
		if strings.HasPrefix(platform, "windows") {
			end = ".zip"
		}
		base := "omegastream_exporter-" + version + "." + platform
		names = append(names, base+".spdx.json", base+end)
		checkArchive(t, filepath.Join(first, "dist"), base, end, strings.Split(platform, "-"))
		checkDocument(t, filepath.Join(first, "dist", base+".spdx.json"), base)
	}
	if got := slices.Sorted(maps.Keys(sums)); !slices.Equal(got, names) {
		t.Errorf("made %q, want %q", got, names)
	}
	again := checksums(t, second)
	if len(again) != 4 {
		t.Errorf("made again: %q", again)
	}
	for name, sum := range again {
		if sums[name] != sum {
			t.Errorf("%s differs from that of the same commit", name)
		}
	}
	if status := command(t, first, "git", "status", "--porcelain"); status != "" {
		t.Errorf("a release leaves %s", status)
	}
}

// checksums reads dist/sha256sums.txt, after sha256sum has verified it.
func checksums(t *testing.T, dir string) map[string]string {
	t.Helper()
	dist := filepath.Join(dir, "dist")
	command(t, dist, "sha256sum", "--check", "--strict", "sha256sums.txt")
	content, err := os.ReadFile(filepath.Join(dist, "sha256sums.txt"))
	if err != nil {
		t.Fatal(err)
	}
	sums := make(map[string]string)
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		sums[fields[1]] = fields[0]
	}
	made, err := os.ReadDir(dist)
	if err != nil || len(made) != len(sums)+1 {
		t.Errorf("dist has %v, with checksums of %d: %v", made, len(sums), err)
	}
	return sums
}

func checkArchive(t *testing.T, dist, base, end string, platform []string) {
	t.Helper()
	files := readTarGz
	binary := "omegastream_exporter"
	if end == ".zip" {
		files, binary = readZip, binary+".exe"
	}
	content := files(t, filepath.Join(dist, base+end))
	want := []string{
		"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md", "THIRD_PARTY_LICENSES.txt",
		"completions/_omegastream_exporter", "completions/omegastream_exporter.bash", "completions/omegastream_exporter.fish",
		"man/omegastream_exporter.1", binary,
	}
	var got []string
	for name := range content {
		name, inside := strings.CutPrefix(name, base+"/")
		if !inside {
			t.Errorf("%s%s has %s outside its folder", base, end, name)
		}
		if top, _, deep := strings.Cut(name, "/"); !deep || top != "docs" && top != "dashboards" && top != "deploy" {
			got = append(got, name)
		}
		for _, not := range []string{".go", "/testdata/", "/tests/"} {
			if strings.Contains(name, not) {
				t.Errorf("%s%s has %s", base, end, name)
			}
		}
	}
	slices.Sort(got)
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("besides documents, dashboards and deploy, %s%s has\n%q, want\n%q", base, end, got, want)
	}
	for _, name := range []string{
		"dashboards/webhook-deliveries.json", "dashboards/omegastream-exporter.json", "dashboards/rules/omegastream.rules.yaml",
		"dashboards/rules/prometheusrule.yaml", "docs/runbooks.md", "deploy/prometheus/alertmanager.yml",
		"deploy/grafana/provisioning/alerting/omegastream.yaml", "deploy/helm/omegastream-exporter/templates/deployment.yaml",
		"deploy/kubernetes/sidecar/deployment.yaml", "deploy/systemd/omegastream_exporter.service.d/socket.conf",
	} {
		if content[base+"/"+name] == "" {
			t.Errorf("%s%s lacks %s", base, end, name)
		}
	}
	checkDocuments(t, base, content)
	if page := content[base+"/man/omegastream_exporter.1"]; !strings.HasPrefix(page, `.TH OMEGASTREAM_EXPORTER 1 "2024-01-02" "omegastream_exporter 1.2.3"`) {
		t.Errorf("the manual page starts with %.80q", page)
	}
	// One licence of each kind, complete.
	for _, text := range []string{"github.com/prometheus/client_golang v", "END OF TERMS AND CONDITIONS", "\nstdlib 1.", "Neither the name of Google LLC"} {
		if !strings.Contains(content[base+"/THIRD_PARTY_LICENSES.txt"], text) {
			t.Errorf("the licences of dependencies lack %q", text)
		}
	}
	if platform[0] != runtime.GOOS || platform[1] != runtime.GOARCH {
		return
	}
	program := filepath.Join(t.TempDir(), binary)
	if err := os.WriteFile(program, []byte(content[base+"/"+binary]), 0o755); err != nil {
		t.Fatal(err)
	}
	if out := command(t, t.TempDir(), program, "--version"); !strings.HasPrefix(out, "omegastream_exporter, version 1.2.3 (branch: HEAD, revision: ") ||
		!strings.Contains(out, "20240102-03:04:05") {
		t.Errorf("--version tells %q", out)
	}
}

// checkDocuments follows the links and images of every document in an archive.
func checkDocuments(t *testing.T, base string, content map[string]string) {
	t.Helper()
	link := regexp.MustCompile(`\]\(([^)#\s]+)|<img[^>]* src="([^"]+)"`)
	followed := 0
	for name, text := range content {
		if path.Ext(name) != ".md" {
			continue
		}
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			to := found[1] + found[2]
			if strings.Contains(to, "://") {
				continue
			}
			followed++
			to = path.Join(path.Dir(name), to)
			there := content[to] != ""
			for other := range content {
				there = there || strings.HasPrefix(other, to+"/")
			}
			if !there {
				t.Errorf("%s: %s is not in the archive", name, strings.TrimPrefix(to, base+"/"))
			}
		}
	}
	if followed < 50 {
		t.Errorf("%s has %d links", base, followed)
	}
}

// readTarGz returns an archive's files, and checks their modes, owners and times.
func readTarGz(t *testing.T, name string) map[string]string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	plain, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for archive := tar.NewReader(plain); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = string(content)
		checkEntry(t, header.Name, header.FileInfo().Mode(), header.ModTime)
		if header.Uid != 0 || header.Gid != 0 || header.Uname != "" {
			t.Errorf("%s belongs to %d:%d %q", header.Name, header.Uid, header.Gid, header.Uname)
		}
	}
}

func readZip(t *testing.T, name string) map[string]string {
	t.Helper()
	archive, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	files := make(map[string]string)
	for _, entry := range archive.File {
		f, err := entry.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name] = string(content)
		checkEntry(t, entry.Name, entry.Mode(), entry.Modified)
	}
	return files
}

func checkEntry(t *testing.T, name string, mode fs.FileMode, date time.Time) {
	t.Helper()
	want := fs.FileMode(0o644)
	if base := filepath.Base(name); strings.TrimSuffix(base, ".exe") == "omegastream_exporter" {
		want = 0o755
	}
	if mode != want || !date.Equal(committed) {
		t.Errorf("%s has mode %s and date %s", name, mode, date)
	}
}

// A missing file makes the release fail with an error that names it.
func TestReleaseFails(t *testing.T) {
	t.Parallel()
	built := t.TempDir()
	for want, args := range map[string][]string{
		"use `make release`":                   {"-version=1.2.3"},
		"host/omegastream_exporter --help-man": {"-built=" + built, "-out=" + t.TempDir(), "-version=1", "-epoch=1"},
		"LICENSE: no such file":                {"-root=" + built, "-built=" + built, "-out=" + t.TempDir(), "-version=1", "-epoch=1"},
	} {
		if err := run(args, io.Discard); err == nil || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%q: error %v, want %q", args, err, want)
		}
	}
}
