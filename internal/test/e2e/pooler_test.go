package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
	"omegastream_exporter/internal/test/postgres"
	"omegastream_exporter/internal/test/postgres/proxy"
)

// Replicas run behind a real pgbouncer, in either mode: they start, share a sync, and replace
// a replica that was killed, or stopped during a commit.
func TestPooler(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
	for _, mode := range []string{"session", "transaction"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			account, apiURL := serveAccount(t, simulator.Options{Seed: 52})
			id := account.AddEndpoint(simulator.Endpoint{Active: true})
			server := postgres.Start(t)
			dsn := server.NewDatabase(t)
			pooled := server.Pool(t, server.Address(), mode)
			flags := []string{"--collector.min-interval=0s", "--collector.hold-new-series=0"}
			s := sharing(t, by(t, dsn, pooled), apiURL, flags...)
			slow := proxy.New(t, pooled, 52)
			first, second := sharing(t, by(t, dsn, slow.Address()), apiURL, flags...).serve(t), s.serve(t)
			emit := func() {
				for i := range 10 {
					account.Emit(id, types[i%len(types)], simulator.Responded([]int{200, 503}[i%2]))
				}
			}
			right := func(p *program) func() error {
				return func() error { return expect(account.Truth(), nil).compare(p.mustScrape(time.Second)) }
			}
			for _, p := range []*program{first, second} {
				eventually(t, func() error { return upAndContacted(1)(p.mustScrape(5 * time.Second)) })
			}
			account.Mark()
			emit()
			for _, p := range []*program{first, second} {
				eventually(t, right(p))
			}

			stopped := stopInCommit(t, server, dsn, slow, first, emit)
			eventually(t, right(second))
			took := time.Since(stopped)
			slow.Delay(0)
			if err := first.cmd.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			eventually(t, right(first))

			emit()
			eventually(t, right(first))
			first.kill()
			emit()
			eventually(t, right(second))
			second.stop()
			if log := second.log.String(); strings.Contains(log, "prepared statement") {
				t.Errorf("the replicas prepare statements:\n%s", log)
			}
			figures(t, "pool_mode %s: the other replica takes over %v after one was stopped in a commit", mode, took.Round(time.Second/10))
		})
	}
}

// stopInCommit stops a program during the transaction of a commit, and returns when. It slows
// down the connection to the database for that.
func stopInCommit(t *testing.T, server *postgres.Server, dsn string, slow *proxy.Proxy, p *program, emit func()) time.Time {
	t.Helper()
	slow.Delay(200 * time.Millisecond)
	database := strings.TrimPrefix(mustParse(t, dsn).Path, "/")
	within := func() bool {
		n := server.SQL(t, "postgres", "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = '"+database+"'")
		return n != "0"
	}
	signal := func(s syscall.Signal) {
		if err := p.cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	scraping := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-scraping:
				return
			default:
				_, _ = p.scrape(time.Second)
			}
		}
	}()
	defer close(scraping)
	t.Cleanup(func() { <-done }) // the scrape under way ends when the program continues
	var stopped time.Time
	eventually(t, func() error {
		emit()
		for range 20 {
			if !within() {
				continue
			}
			signal(syscall.SIGSTOP)
			stopped = time.Now()
			if within() {
				return nil
			}
			signal(syscall.SIGCONT) // too late, the commit was over
		}
		return fmt.Errorf("the program was not stopped in a commit")
	})
	return stopped
}
