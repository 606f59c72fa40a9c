package e2e

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
	"omegastream_exporter/internal/test/postgres"
)

// A start waits for its database.
func TestStartBeforeDatabase(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
	account, apiURL := serveAccount(t, simulator.Options{Seed: 33})
	account.AddEndpoint(simulator.Endpoint{Active: true})

	t.Run("the database comes back", func(t *testing.T) {
		t.Parallel()
		server := postgres.Start(t)
		dsn := server.NewDatabase(t)
		server.Stop(t)
		p := sharing(t, dsn, apiURL).start(t)
		select { // the test is that nothing happens, so there is no condition to wait for
		case <-p.exited:
			t.Fatalf("the program does not wait: %v", p.cmd.ProcessState)
		case <-time.After(2 * time.Second):
		}
		server.StartAgain(t)
		eventually(t, func() error { return upAndContacted(1)(p.mustScrape(5 * time.Second)) })
		p.stop()
	})
	t.Run("the program is stopped", func(t *testing.T) {
		t.Parallel()
		proxy, through := proxied(t, postgres.NewDatabase(t), 33)
		defer proxy.Stall()()
		p := sharing(t, through, apiURL).start(t)
		eventually(t, func() error {
			if !listensTo(t, p) {
				return fmt.Errorf("the program does not listen to signals yet")
			}
			return nil
		})
		began := time.Now()
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		select {
		case <-p.exited:
		case <-time.After(stopLimit):
			t.Errorf("the program still runs %v after SIGTERM", time.Since(began))
		}
		if strings.Contains(p.log.String(), "panic") {
			t.Error("the program panicked")
		}
	})
	t.Run("the database stays away", func(t *testing.T) {
		t.Parallel()
		const bound = 30 * time.Second
		proxy, through := proxied(t, postgres.NewDatabase(t), 34)
		proxy.Refuse()
		began := time.Now()
		p := sharing(t, through, apiURL).start(t)
		select {
		case <-p.exited:
		case <-time.After(bound + patience):
			t.Fatalf("the program still waits after %v", time.Since(began))
		}
		if took := time.Since(began); took < bound/2 {
			t.Errorf("the program waited only for %v", took)
		}
		oneLine(t, p.log.String(), through, "--state.url")
		if status := p.cmd.ProcessState.ExitCode(); status != 1 {
			t.Errorf("exit status %d", status)
		}
	})
}

// listensTo reports whether a process catches a signal.
func listensTo(t *testing.T, p *program) bool {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(content), "SigCgt:")
	var caught uint64
	if _, err := fmt.Sscanf(after, "%x", &caught); err != nil {
		t.Fatal(err)
	}
	return caught&(1<<(uint(syscall.SIGTERM)-1)) != 0
}

// oneLine checks that the last line of a log names the cause, and that no line shows the
// password.
func oneLine(t *testing.T, log, dsn string, words ...string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	if password, _ := u.User.Password(); password == "" || strings.Contains(log, password) {
		t.Errorf("the log shows the password %q:\n%s", password, log)
	}
	lines := strings.Split(strings.TrimRight(log, "\n"), "\n")
	for _, word := range words {
		if !strings.Contains(lines[len(lines)-1], word) {
			t.Errorf("the last line does not say %q:\n%s", word, log)
		}
	}
}

// If waiting cannot help, the start fails at once, with one line that says why.
func TestDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	account, apiURL := serveAccount(t, simulator.Options{Seed: 35})
	account.AddEndpoint(simulator.Endpoint{Active: true})
	_, otherURL := serveAccount(t, simulator.Options{Seed: 36})
	server := postgres.Start(t)
	dsn := server.NewDatabase(t)
	used := server.NewDatabase(t)
	p := sharing(t, used, apiURL).serve(t)
	eventually(t, func() error { return upAndContacted(1)(p.mustScrape(5 * time.Second)) })
	newer := server.NewDatabase(t)
	readOnly := server.NewDatabase(t)
	name := strings.TrimPrefix(mustParse(t, readOnly).Path, "/")
	server.SQL(t, name, "ALTER DATABASE "+name+" OWNER TO postgres")

	for _, tt := range []struct {
		name, dsn, apiURL string
		words             []string
	}{
		{"a wrong password", strings.Replace(dsn, server.Password(), "Wr0ngPassw0rd", 1), apiURL, []string{"password"}},
		{"no such database", server.URL("absent"), apiURL, []string{"absent"}},
		{"another account", used, otherURL, []string{"--api.url", "--state.schema"}},
		{"no right to create", readOnly, apiURL, []string{"permission denied", "CREATE"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			refusedByDatabase(t, sharing(t, tt.dsn, tt.apiURL), tt.dsn, tt.words...)
		})
	}
	t.Run("no right to create, says check", func(t *testing.T) {
		s := sharing(t, readOnly, apiURL)
		s.args = append([]string{"check"}, s.args...)
		status, stdout, stderr := s.run(t)
		said := strings.Join(strings.Fields(stdout), " ") // without line breaks
		if status != 1 || !strings.Contains(said, "cannot create the schema") || !strings.Contains(said, "CREATE on it") {
			t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
		}
	})
	t.Run("a newer state", func(t *testing.T) {
		first := sharing(t, newer, apiURL).serve(t)
		first.stop()
		base := strings.TrimPrefix(mustParse(t, newer).Path, "/")
		server.SQL(t, base, "UPDATE omegastream_exporter.state SET layout = 100, needs = 100")
		refusedByDatabase(t, sharing(t, newer, apiURL), newer, "newer")
	})
	t.Run("two accounts in two schemas", func(t *testing.T) {
		other := sharing(t, used, otherURL, "--state.schema=another").serve(t)
		other.mustScrape(5 * time.Second)
		other.stop()
	})
}

func mustParse(t *testing.T, dsn string) *url.URL {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// refusedByDatabase checks that a program quickly fails to start, and says why in one line.
func refusedByDatabase(t *testing.T, s setup, dsn string, words ...string) {
	t.Helper()
	began := time.Now()
	status, stdout, stderr := s.with("--web.listen-address=127.0.0.1:0").run(t)
	if took := time.Since(began); status != 1 || took > 25*time.Second {
		t.Errorf("exit status %d after %v, want 1", status, took)
	}
	if strings.Count(stderr, "\n") != 1 || stdout != "" {
		t.Errorf("want one line on stderr, got %q, and on stdout %q", stderr, stdout)
	}
	oneLine(t, stderr, dsn, append(words, "--state.url")...)
}
