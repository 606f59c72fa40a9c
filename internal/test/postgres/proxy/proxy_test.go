package proxy_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"omegastream_exporter/internal/test/postgres"
	"omegastream_exporter/internal/test/postgres/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// through returns a proxy in front of the shared server, and the URLs of a new database with
// a table x, direct and through the proxy.
func through(t *testing.T) (p *proxy.Proxy, direct, by string) {
	t.Helper()
	direct = postgres.NewDatabase(t)
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	p = proxy.New(t, u.Host, 1)
	u.Host = p.Address()
	mustExec(t, connect(t, direct), "CREATE TABLE x (i int)")
	return p, direct, u.String()
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func mustExec(t *testing.T, c *pgx.Conn, statement string) {
	t.Helper()
	if _, err := c.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// rows counts the rows of x without the proxy.
func rows(t *testing.T, direct string) int {
	t.Helper()
	var n int
	if err := connect(t, direct).QueryRow(t.Context(), "SELECT count(*) FROM x").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// The ways in which a client commits.
var ways = map[string]func(context.Context, *pgx.Conn) error{
	"transaction": func(ctx context.Context, c *pgx.Conn) error {
		return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO x VALUES ($1)", 1)
			return err
		})
	},
	"batch": func(ctx context.Context, c *pgx.Conn) error {
		var b pgx.Batch
		b.Queue("BEGIN")
		b.Queue("INSERT INTO x VALUES ($1)", 1)
		b.Queue("COMMIT")
		return c.SendBatch(ctx, &b).Close()
	},
	"one text": func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, "begin; INSERT INTO x VALUES (1);\n commit ;")
		return err
	},
}

// The connection is cut right before or after a commit, which looks the same to the client:
// an error.
func TestCommit(t *testing.T) {
	t.Parallel()
	for name, commit := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, direct, by := through(t)
			if err := commit(t.Context(), connect(t, by)); err != nil {
				t.Fatal(err)
			}
			c := connect(t, by)
			p.Set(proxy.Chances{BeforeCommit: 1})
			if err := commit(t.Context(), c); err == nil || !c.IsClosed() {
				t.Errorf("a commit cut before it arrived: %v", err)
			}
			c = connect(t, by)
			if n := rows(t, direct); n != 1 {
				t.Errorf("%d rows, want 1", n)
			}
			p.Set(proxy.Chances{AfterCommit: 1})
			if err := commit(t.Context(), c); err == nil || !c.IsClosed() {
				t.Errorf("a commit with a lost answer: %v", err)
			}
			if n := rows(t, direct); n != 2 {
				t.Errorf("%d rows, want 2, as the commit was made", n)
			}
			got := p.Counts()
			got.Transactions = 0  // depends on the way
			got.CancelRequest = 0 // pgx sends one for a broken connection
			if want := (proxy.Counts{Connections: 3, Commits: 2, BeforeCommit: 1, AfterCommit: 1}); got != want || got.Cuts() != 2 {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}

// Rollbacks, and text that only mentions a commit, do not count as commits.
func TestNoCommit(t *testing.T) {
	t.Parallel()
	p, _, by := through(t)
	c := connect(t, by)
	p.Set(proxy.Chances{BeforeCommit: 1, AfterCommit: 1})
	for _, statement := range []string{"SELECT 'commit'", "begin; insert into x values (1); rollback"} {
		mustExec(t, c, statement)
	}
	var text string
	if err := c.QueryRow(t.Context(), "SELECT $1 AS commit", "COMMIT").Scan(&text); err != nil || text != "COMMIT" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestMessage(t *testing.T) {
	t.Parallel()
	p, _, by := through(t)
	c := connect(t, by)
	p.Set(proxy.Chances{Message: 0.1})
	n := 0
	for ; n < 1000 && !c.IsClosed(); n++ {
		var one int
		_ = c.QueryRow(t.Context(), "SELECT 1").Scan(&one)
	}
	if !c.IsClosed() || p.Counts().Message != 1 {
		t.Errorf("after %d queries: %+v", n, p.Counts())
	}
}

// Everything before the end of an answer arrives.
func TestBeforeEnd(t *testing.T) {
	t.Parallel()
	p, _, by := through(t)
	c := connect(t, by+"&default_query_exec_mode=exec") // otherwise the description of a statement has an end too
	p.Set(proxy.Chances{BeforeEnd: 1})
	one := 0
	err := c.QueryRow(t.Context(), "SELECT 1").Scan(&one)
	if err == nil || one != 1 || p.Counts().BeforeEnd != 1 {
		t.Errorf("%d, %v, %+v", one, err, p.Counts())
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	p, _, by := through(t)
	one, two := connect(t, by), connect(t, by)
	if n := p.Cut(); n != 2 || p.Counts().Cut != 2 || len(p.Moments()) != 2 {
		t.Errorf("%d connections were cut: %+v", n, p.Counts())
	}
	for _, c := range []*pgx.Conn{one, two} {
		if err := c.Ping(t.Context()); err == nil {
			t.Error("a cut connection works")
		}
	}
	mustExec(t, connect(t, by), "SELECT 1")
}

func TestStall(t *testing.T) {
	t.Parallel()
	p, direct, by := through(t)
	c := connect(t, by)
	resume := p.Stall()
	done := make(chan error, 1)
	go func() {
		_, err := c.Exec(t.Context(), "INSERT INTO x VALUES (1)")
		done <- err
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := pgx.Connect(ctx, by); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a new connection does not hang: %v", err)
	}
	select {
	case err := <-done:
		t.Errorf("a query does not hang: %v", err)
	default:
	}
	resume()
	resume() // harmless
	if err := <-done; err != nil {
		t.Errorf("hanging connections do not continue: %v", err)
	}
	if n := rows(t, direct); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

func TestRefuse(t *testing.T) {
	t.Parallel()
	p, _, by := through(t)
	c := connect(t, by)
	accept := p.Refuse()
	if err := c.Ping(t.Context()); err == nil {
		t.Error("an open connection works")
	}
	if _, err := pgx.Connect(t.Context(), by); err == nil {
		t.Error("a new connection works")
	}
	accept()
	mustExec(t, connect(t, by), "SELECT 1")
	if got := p.Counts(); got.Refused == 0 || got.Cut != 1 {
		t.Errorf("%+v", got)
	}
}

// A server that is down is unreachable through the proxy too.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	s := postgres.Start(t)
	name := "postgres"
	p := proxy.New(t, s.Address(), 1)
	mustExec(t, connect(t, s.URLAt(p.Address(), name)), "SELECT 1")
	s.Stop(t)
	if _, err := pgx.Connect(t.Context(), s.URLAt(p.Address(), name)); err == nil {
		t.Error("the client connects to a stopped server")
	}
	s.StartAgain(t)
	mustExec(t, connect(t, s.URLAt(p.Address(), name)), "SELECT 1")
	if p.Counts().Unreachable == 0 {
		t.Errorf("%+v", p.Counts())
	}
}

// Messages that clients send before, or instead of, starting a session.
func TestFirstMessages(t *testing.T) {
	t.Parallel()
	p, _, by := through(t)
	u, err := url.Parse(by)
	if err != nil {
		t.Fatal(err)
	}
	u.RawQuery = "sslmode=prefer"
	c := connect(t, u.String())
	done := make(chan error, 1)
	go func() {
		_, err := c.Exec(t.Context(), "SELECT pg_sleep(60)")
		done <- err
	}()
	for running := 0; running == 0; {
		if err := connect(t, by).QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'").Scan(&running); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.PgConn().CancelRequest(t.Context()); err != nil {
		t.Fatal(err)
	}
	if canceled := (*pgconn.PgError)(nil); !errors.As(<-done, &canceled) || canceled.Code != "57014" {
		t.Errorf("the query ended with %v", canceled)
	}
	if p.Counts().CancelRequest != 1 {
		t.Errorf("%+v", p.Counts())
	}
}

func TestTransactions(t *testing.T) {
	t.Parallel()
	p, _, by := through(t)
	c := connect(t, by+"&default_query_exec_mode=exec") // otherwise it first asks for the description of the statement
	var b pgx.Batch
	b.Queue("SELECT 1")
	b.Queue("SELECT 2")
	for _, step := range []func() error{
		func() error { _, err := c.Exec(t.Context(), "SELECT 1"); return err },
		func() error { return c.SendBatch(t.Context(), &b).Close() },
		func() error { return ways["transaction"](t.Context(), c) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.Counts().Transactions; n != 3 {
		t.Errorf("%d transactions, want 3", n)
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	p, _, by := through(t)
	c := connect(t, by)
	const delay = 100 * time.Millisecond
	p.Delay(delay)
	began := time.Now()
	var n int
	// The whole answer is under way at once.
	if err := c.QueryRow(t.Context(), "SELECT count(*) FROM (SELECT generate_series(1, 100)) AS x").Scan(&n); err != nil || n != 100 {
		t.Fatal(n, err)
	}
	if took := time.Since(began); took < 2*delay {
		t.Errorf("a round trip took %v", took)
	}
}

func TestSwallow(t *testing.T) {
	t.Parallel()
	p, _, by := through(t)
	c := connect(t, by)
	p.Swallow(1000)
	mustExec(t, c, "SELECT 1")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := c.Exec(ctx, "SELECT '"+strings.Repeat("x", 1000)+"'")
		done <- err
	}()
	for deadline := time.Now().Add(time.Minute); p.Counts().Swallowed == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing is swallowed: %+v", p.Counts())
		}
	}
	cancel()
	if err := <-done; err == nil || p.Counts().Swallowed != 1 {
		t.Errorf("%v, %+v", err, p.Counts())
	}
}
