package postgres

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"omegastream_exporter/internal/test/needs"
)

// needed lists the programs of PostgreSQL that the package runs.
var needed = []string{"postgres", "initdb", "pg_ctl", "psql"}

// programs returns the folder of PostgreSQL's programs, and ends the test if there is none.
// Debian does not put the server's programs in PATH.
func programs(t testing.TB) string {
	t.Helper()
	var folders []string
	if path, err := exec.LookPath("postgres"); err == nil {
		if file, err := filepath.EvalSymlinks(path); err == nil {
			folders = append(folders, filepath.Dir(file))
		}
	}
	folders = append(folders, installed("/usr/lib/postgresql")...)
	for _, folder := range folders {
		if complete(folder) {
			return folder
		}
	}
	needs.Missing(t, "a PostgreSQL server: initdb, pg_ctl, postgres and psql were found neither in PATH nor in /usr/lib/postgresql/*/bin; "+
		"on Debian the package postgresql has them")
	return ""
}

// installed returns the folders with the programs of all versions below root, newest first.
func installed(root string) []string {
	folders, _ := filepath.Glob(filepath.Join(root, "*", "bin")) // the pattern is valid
	version := func(folder string) float64 {
		v, _ := strconv.ParseFloat(filepath.Base(filepath.Dir(folder)), 64)
		return v
	}
	slices.SortFunc(folders, func(a, b string) int { return int(10 * (version(b) - version(a))) })
	return folders
}

// complete reports whether a folder contains all programs.
func complete(folder string) bool {
	return !slices.ContainsFunc(needed, func(name string) bool {
		info, err := os.Stat(filepath.Join(folder, name))
		return err != nil || info.IsDir()
	})
}
