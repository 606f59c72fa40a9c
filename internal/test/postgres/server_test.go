package postgres_test

import (
	"os/exec"
	"strings"
	"testing"

	"omegastream_exporter/internal/test/needs"
	"omegastream_exporter/internal/test/postgres"
)

// ask runs a statement with nothing but a URL.
func ask(t *testing.T, url, statement string) (string, error) {
	t.Helper()
	out, err := exec.Command(needs.Tool(t, "psql"), "--no-psqlrc", "--tuples-only", "--no-align", "--dbname="+url, "--command="+statement).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func mustAsk(t *testing.T, url, statement, want string) {
	t.Helper()
	if got, err := ask(t, url, statement); err != nil || got != want {
		t.Errorf("%s: %q, %v, want %q", statement, got, err, want)
	}
}

func TestNewDatabase(t *testing.T) {
	t.Parallel()
	one, two := postgres.NewDatabase(t), postgres.NewDatabase(t)
	mustAsk(t, one, "CREATE TABLE x (i int); INSERT INTO x VALUES (7)", "CREATE TABLE\nINSERT 0 1")
	mustAsk(t, one, "SELECT i FROM x", "7")
	if got, err := ask(t, two, "SELECT i FROM x"); err == nil {
		t.Errorf("another database has the table too: %s", got)
	}
	mustAsk(t, one, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user", "f")
	for _, setting := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		mustAsk(t, one, "SHOW "+setting, "on")
	}
}

// A wrong password is refused.
func TestPasswordIsAskedFor(t *testing.T) {
	t.Parallel()
	s := postgres.Start(t)
	url := s.NewDatabase(t)
	mustAsk(t, url, "SELECT 1", "1")
	if got, err := ask(t, strings.Replace(url, s.Password(), "wrong", 1), "SELECT 1"); err == nil || !strings.Contains(got, "password") {
		t.Errorf("%q, %v", got, err)
	}
}

// Commits survive however the server ends, and it comes back at the same address.
func TestEnds(t *testing.T) {
	t.Parallel()
	s := postgres.Start(t)
	url := s.NewDatabase(t)
	mustAsk(t, url, "CREATE TABLE x (how text)", "CREATE TABLE")
	for how, end := range map[string]func(){
		"restart": func() { s.Restart(t) },
		"crash":   func() { s.Crash(t) },
		"stop":    func() { s.Stop(t); down(t, url); s.StartAgain(t) },
		"kill":    func() { s.Kill(t); down(t, url); s.StartAgain(t) },
	} {
		mustAsk(t, url, "INSERT INTO x VALUES ('"+how+"')", "INSERT 0 1")
		end()
		mustAsk(t, url, "SELECT count(*) FROM x WHERE how = '"+how+"'", "1")
	}
	mustAsk(t, url, "SELECT count(*) FROM x", "4")
}

func down(t *testing.T, url string) {
	t.Helper()
	if got, err := ask(t, url, "SELECT 1"); err == nil {
		t.Errorf("a stopped server answers %s", got)
	}
}

func TestBackup(t *testing.T) {
	t.Parallel()
	s := postgres.Start(t)
	url := s.NewDatabase(t)
	mustAsk(t, url, "CREATE TABLE x (i int)", "CREATE TABLE")
	b := s.Backup(t)
	for range 2 {
		mustAsk(t, url, "INSERT INTO x VALUES (1)", "INSERT 0 1")
		s.Restore(t, b)
		mustAsk(t, url, "SELECT count(*) FROM x", "0")
	}
}
