package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// commonFiles are those that every platform gets: from the repository, and what the
// program says of itself.
func commonFiles(o options) ([]file, error) {
	files, err := repositoryFiles(o.root, "LICENSE", "README.md", "CHANGELOG.md")
	if err != nil {
		return nil, err
	}
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

// repositoryFiles reads what the patterns name, each of which must name something.
func repositoryFiles(root string, patterns ...string) (files []file, err error) {
	for _, pattern := range patterns {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return nil, err
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("%s: no such file", pattern)
		}
		for _, name := range names {
			content, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			relative, err := filepath.Rel(root, name)
			if err != nil {
				return nil, err
			}
			files = append(files, file{name: filepath.ToSlash(relative), mode: 0o644, content: content})
		}
	}
	return files, nil
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
