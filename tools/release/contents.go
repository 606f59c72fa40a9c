package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// commonFiles are those that every platform gets: from the repository, and what the
// program says of itself.
func commonFiles(o options) ([]file, error) {
	files, err := repositoryFiles(o.root, "LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
	if err != nil {
		return nil, err
	}
	operators, err := operatorFiles(o.root)
	if err != nil {
		return nil, err
	}
	files = append(files, operators...)
	host := filepath.Join(o.built, "host", program)
	for _, printed := range []struct{ name, flag string }{
		{"man/" + program + ".1", "--help-man"},
		{"completions/" + program + ".bash", "--completion-script-bash"},
		{"completions/_" + program, "--completion-script-zsh"},
		{"completions/" + program + ".fish", "--completion-script-fish"},
	} {
		out, err := exec.Command(host, printed.flag).Output()
		if err != nil || len(out) == 0 {
			return nil, fmt.Errorf("%s %s: %w, %d bytes", host, printed.flag, err, len(out))
		}
		files = append(files, file{name: printed.name, mode: 0o644, content: out})
	}
	return files, nil
}

// repositoryFiles reads files of the repository.
func repositoryFiles(root string, names ...string) (files []file, err error) {
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: no such file", name)
		}
		if err != nil {
			return nil, err
		}
		files = append(files, file{name: name, mode: 0o644, content: content})
	}
	return files, nil
}

// development is what stands among the files of operators but is for those who change it.
var development = regexp.MustCompile(`\.go$|\.test\.ts$|/testdata/|^dashboards/(_pictures|rules/tests|schema)/`)

// operatorFiles are documents, dashboards, rules and what deploys the program: all that
// the README leads to.
func operatorFiles(root string) ([]file, error) {
	cmd := exec.Command("git", "ls-files", "-z", "--", "docs", "dashboards", "deploy")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files in %s: %w", root, err)
	}
	names := strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 })
	return repositoryFiles(root, slices.DeleteFunc(names, development.MatchString)...)
}

// writeChecksums writes what `sha256sum --check` reads.
func writeChecksums(dir string, names []string) error {
	slices.Sort(names)
	var sums strings.Builder
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), name)
	}
	return os.WriteFile(filepath.Join(dir, "sha256sums.txt"), []byte(sums.String()), 0o644)
}
