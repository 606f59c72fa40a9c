package e2e

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/postgres"
)

// The state moves from a file to a database, and counting continues.
func TestStateCopy(t *testing.T) {
	t.Parallel()
	c := count(t)
	server := postgres.Start(t)
	dsn := server.NewDatabase(t)
	s := sharing(t, dsn, apiURLOf(c.setup), "--collector.min-interval=0s", "--collector.hold-new-series=0")
	command := setup{
		dir: c.dir, env: s.env,
		args: []string{"state", "copy", "--from=file:" + c.stateFile(), "--api.url=" + apiURLOf(c.setup)},
	}
	t.Run("in use", func(t *testing.T) {
		p := c.serve(t)
		status, _, stderr := command.run(t)
		if status != 1 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, c.stateFile()) {
			t.Errorf("exit status %d, %q", status, stderr)
		}
		p.stop()
	})
	status, stdout, stderr := command.run(t)
	if status != 0 || stdout == "" {
		t.Fatalf("exit status %d\n%s%s", status, stdout, stderr)
	}
	oneLine(t, stdout+stderr, dsn)

	// Counters, created timestamps and known events continue.
	before := c.serve(t)
	old := before.mustScrape(5 * time.Second)
	before.stop()
	replicas := []*program{s.serve(t), s.serve(t)}
	for i, p := range replicas {
		got := p.mustScrape(5 * time.Second)
		if diff := cmp.Diff(old.counters(), got.counters()); diff != "" {
			t.Errorf("replica %d (-file +database):\n%s", i, diff)
		}
		for k, at := range old.created {
			if durable(k) && !got.created[k].Equal(at) {
				t.Errorf("replica %d: %s was created at %v, in the file at %v", i, k, got.created[k], at)
			}
		}
	}
	asked := c.account.Calls().Requests[simulator.GetEvent]
	const events = 10
	for range events {
		c.account.Emit(c.id, "video.process_succeeded", simulator.Responded(200))
	}
	for i, p := range replicas {
		eventually(t, func() error {
			if err := expect(c.account.Truth(), nil).compare(p.mustScrape(5 * time.Second)); err != nil {
				return fmt.Errorf("replica %d: %w", i, err)
			}
			return nil
		})
	}
	if n := c.account.Calls().Requests[simulator.GetEvent] - asked; n < events {
		t.Errorf("%d details for %d new events", n, events)
	}
	t.Run("there already is a state", func(t *testing.T) {
		status, _, stderr := command.run(t)
		if status != 1 || strings.Count(stderr, "\n") != 1 {
			t.Errorf("exit status %d, %q", status, stderr)
		}
		oneLine(t, stderr, dsn, "--state.url")
		for i, p := range replicas {
			if err := expect(c.account.Truth(), nil).compare(p.mustScrape(5 * time.Second)); err != nil {
				t.Errorf("a refused copy changed replica %d: %v", i, err)
			}
		}
	})
	t.Run("there is no state", func(t *testing.T) {
		missing := command
		missing.args = []string{"state", "copy", "--from=file:absent.db", "--api.url=" + apiURLOf(c.setup)}
		status, _, stderr := missing.run(t)
		if status != 1 || !strings.Contains(stderr, "--from") || !strings.Contains(stderr, "absent.db") {
			t.Errorf("exit status %d, %q", status, stderr)
		}
		if _, err := os.Stat(c.dir + "/absent.db"); err == nil {
			t.Error("the copy created the file that it should read")
		}
	})
}

// If the source of a copy cannot be read, the error says what to do about it.
func TestStateCopySaysWhatToDo(t *testing.T) {
	t.Parallel()
	c := count(t)
	dsn := postgres.Start(t).NewDatabase(t)
	stranger, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	stranger.User = url.User("nobody_of_that_name")
	write(t, c.dir+"/conf.yml", []byte("listen: 80\n"))
	for from, mend := range map[string]string{
		stranger.String():          "check user, password and database",
		"file:" + c.dir:            "name another file",
		"file:conf.yml":            "name another file",
		"file:ledger.db/ledger.db": "check the path",
	} {
		command := setup{
			dir: c.dir, env: sharing(t, dsn, apiURLOf(c.setup)).env,
			args: []string{"state", "copy", "--from=" + from, "--api.url=" + apiURLOf(c.setup)},
		}
		status, _, stderr := command.run(t)
		if status != 1 || !strings.Contains(stderr, "--from: ") || !strings.Contains(stderr, mend) || strings.Contains(stderr, "stop the exporter") {
			t.Errorf("--from=%s: exit status %d, %q, want %q", from, status, stderr, mend)
		}
	}
}

// apiURLOf returns the --api.url of a setup.
func apiURLOf(s setup) string {
	for _, arg := range s.args {
		if value, ok := strings.CutPrefix(arg, "--api.url="); ok {
			return value
		}
	}
	return ""
}
