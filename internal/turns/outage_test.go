package turns

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/test/postgres"
	"omegastream_exporter/internal/test/postgres/proxy"
)

// own returns a server of the test's own and the URL of a database in it.
func own(t *testing.T) (server *postgres.Server, at string) {
	t.Helper()
	server = postgres.Start(t)
	at = server.NewDatabase(t)
	do(t, at, "CREATE SCHEMA "+schema)
	return server, at
}

// A database that comes back is used at once, by the first call.
func TestRestartHeals(t *testing.T) {
	t.Parallel()
	server, at := own(t)
	two := limiters(t, at, 2)
	for name, harm := range map[string]func(testing.TB){"restart": server.Restart, "crash": server.Crash} {
		last := spanOf(t, two[0], 100, 100)
		spanOf(t, two[1], 100, 100)
		harm(t)
		for _, l := range two {
			if _, err := l.Reserve(t.Context(), 1, 100); err != nil {
				t.Errorf("after a %s: %v", name, err)
			}
		}
		if next := spanOf(t, two[0], 1, 100); next.from.Before(last.to) {
			t.Errorf("after a %s a turn is given twice", name)
		}
	}
	server.Stop(t)
	_, err := two[0].Reserve(t.Context(), 1, 100)
	if err == nil || strings.Contains(err.Error(), server.Password()) {
		t.Errorf("without a database: error %v", err)
	}
	server.StartAgain(t)
	if _, err := two[0].Reserve(t.Context(), 1, 100); err != nil {
		t.Error(err)
	}
}

// A database that hangs costs a call two seconds, and no connection for good.
func TestHangingDatabase(t *testing.T) {
	t.Parallel()
	server, at := own(t)
	between := proxy.New(t, server.Address(), 1)
	l := limiters(t, server.URLAt(between.Address(), database(t, at)), 1)[0]
	spanOf(t, l, 1, 100)
	resume := between.Stall()
	for range maxConns + 1 {
		begin := time.Now()
		_, err := l.Reserve(t.Context(), 1, 100)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) < callTimeout {
			t.Fatalf("error %v after %v", err, time.Since(begin))
		}
	}
	resume()
	spanOf(t, l, 1, 100)
}

func database(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

// The table is made by whoever comes first; many may come at once. It is made again
// where somebody took it away.
func TestTableIsMadeOnce(t *testing.T) {
	t.Parallel()
	at := fresh(t)
	all := limiters(t, at, 8)
	for _, harm := range []string{"SELECT 1", "DROP TABLE " + schema + ".limiter", "DELETE FROM " + schema + ".limiter"} {
		do(t, at, harm)
		var start sync.WaitGroup
		for _, l := range all {
			start.Go(func() {
				if _, err := l.Reserve(t.Context(), 1, 100); err != nil {
					t.Errorf("after %s: %v", harm, err)
				}
			})
		}
		start.Wait()
	}
}

// A connection to what has become a standby is given up.
func TestReadOnlyServer(t *testing.T) {
	t.Parallel()
	at := fresh(t)
	l := limiters(t, at, 1)[0]
	spanOf(t, l, 1, 100)
	setting := "ALTER DATABASE " + database(t, at) + " SET default_transaction_read_only = "
	do(t, at, setting+"on")
	l.pool.Reset()
	if _, err := l.Reserve(t.Context(), 1, 100); code(err) != readOnly {
		t.Errorf("error %v", err)
	}
	do(t, at, "BEGIN READ WRITE; "+setting+"off; COMMIT")
	for range 2 {
		if _, err := l.Reserve(t.Context(), 1, 100); err != nil {
			t.Error(err)
		}
	}
}

// Nothing connects before the first call, and then no more than two do.
func TestConnections(t *testing.T) {
	t.Parallel()
	at := fresh(t)
	l := limiters(t, at+"&application_name=limiter", 1)[0]
	watch := connect(t, at)
	defer watch.Close(context.Background())
	count := func() (n int) {
		if err := watch.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'limiter'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != 0 {
		t.Errorf("%d connections before the first call", n)
	}
	var busy sync.WaitGroup
	for range 50 {
		busy.Go(func() { _, _ = l.Reserve(t.Context(), 1, 100) })
	}
	busy.Wait()
	if n := count(); n < 1 || n > maxConns {
		t.Errorf("%d connections", n)
	}
}

func TestErrorsNeverContainThePassword(t *testing.T) {
	t.Parallel()
	const password = "hunter2-aBc"
	good, err := url.Parse(fresh(t))
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(*url.URL)) string {
		u := *good
		u.User = url.UserPassword(u.User.Username(), password)
		change(&u)
		return u.String()
	}
	for name, at := range map[string]string{
		"wrong password":   with(func(*url.URL) {}),
		"unknown database": with(func(u *url.URL) { u.Path = "/nowhere" }),
		"nobody listens":   with(func(u *url.URL) { u.Host = "127.0.0.1:1" }),
		"unknown host":     with(func(u *url.URL) { u.Host = "nowhere.invalid" }),
		"bad port":         with(func(u *url.URL) { u.Host = "127.0.0.1:" + password }),
		"bad setting":      with(func(u *url.URL) { u.RawQuery = "sslmode=" + password }),
		"no URL":           "postgres://u:" + password + "@%zz/",
		"bad key value":    "host=x password=" + password + " port=y",
	} {
		l, err := New(at, schema)
		if err == nil {
			_, err = l.Reserve(t.Context(), 1, 1)
			l.Close()
		}
		if err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestMissingSchema(t *testing.T) {
	t.Parallel()
	l := limiters(t, postgres.NewDatabase(t), 1)[0]
	if _, err := l.Refused(t.Context(), client.Refusal{}); err == nil || !strings.Contains(err.Error(), schema) {
		t.Errorf("error %v", err)
	}
}
