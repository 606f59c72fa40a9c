package e2e

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
	"omegastream_exporter/internal/test/postgres"
)

// countHeartbeats counts the updates that change nothing but the lease's age and the limits.
const countHeartbeats = `
	CREATE TABLE heartbeats AS SELECT 0 AS n;
	CREATE FUNCTION count_heartbeat() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN UPDATE public.heartbeats SET n = n + 1; RETURN NULL; END';
	CREATE TRIGGER heartbeats AFTER UPDATE ON omegastream_exporter.state FOR EACH ROW
		WHEN (NEW.holder = OLD.holder AND NEW.fence = OLD.fence AND NEW.commit = OLD.commit)
		EXECUTE FUNCTION public.count_heartbeat()`

// A short sync takes at most three transactions, however many endpoints there are and
// whichever replica made the last one, and one more for each batch of details. A replica that
// is not scraped makes one in five seconds.
func TestTransactions(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
	const (
		commits = 250 * time.Millisecond
		look    = 5 * time.Second
		idle    = 6 * look
	)
	for _, endpoints := range []int{2, 100} {
		t.Run(fmt.Sprint(endpoints), func(t *testing.T) {
			t.Parallel()
			account, apiURL := serveAccount(t, simulator.Options{Seed: 51})
			for range endpoints {
				account.AddEndpoint(simulator.Endpoint{Active: true})
			}
			dsn := postgres.NewDatabase(t)
			s := sharing(t, dsn, apiURL, "--collector.min-interval=0s", "--collector.hold-new-series=0", "--api.rate-limit=0")
			replica := func() (*program, func() int64) {
				proxy, through := proxied(t, dsn, 51)
				s := s
				s.env = append(s.env[:len(s.env):len(s.env)], "OMEGASTREAM_EXPORTER_STATE_URL="+through)
				return s.serve(t), func() int64 { return proxy.Counts().Transactions }
			}
			leader, leaders := replica()
			eventually(t, func() error { return upAndContacted(endpoints)(leader.mustScrape(5 * time.Second)) })
			database, err := pgx.Connect(t.Context(), dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = database.Close(t.Context()) }()
			if _, err := database.Exec(t.Context(), countHeartbeats); err != nil {
				t.Fatal(err)
			}
			heartbeats := func() (n int64) {
				t.Helper()
				if err := database.QueryRow(t.Context(), "SELECT n FROM heartbeats").Scan(&n); err != nil {
					t.Fatal(err)
				}
				return n
			}
			// round returns the transactions of one scrape, up to the end of the lease and
			// without heartbeats, and those that it can take.
			round := func(p *program, count func() int64) (n, most int64) {
				t.Helper()
				before, began := count()-heartbeats(), time.Now()
				p.mustScrape(10 * time.Second)
				most = 3 + int64(time.Since(began)/commits) // of a machine that is slow
				eventually(t, func() (err error) {
					held := true
					if err = database.QueryRow(t.Context(), "SELECT holder IS NOT NULL FROM omegastream_exporter.state").Scan(&held); held {
						return fmt.Errorf("the lease is held: %w", err)
					}
					return err
				})
				return count() - heartbeats() - before, most
			}
			// least returns the fewest transactions of some scrapes.
			least := func(p *program, count func() int64, before func()) int64 {
				t.Helper()
				least, limit := int64(math.MaxInt64), int64(math.MaxInt64)
				for range 6 { // a regular look at the state does not belong to the scrape
					before()
					n, most := round(p, count)
					least, limit = min(least, n), min(limit, most)
				}
				if least < 1 || least > limit {
					t.Errorf("a sync of %d endpoints takes %d transactions, not 1 to %d", endpoints, least, limit)
				}
				return least
			}
			syncs := least(leader, leaders, func() {})
			for range 30 {
				account.Emit(account.EndpointIDs()[0], "video.process_failed", simulator.Responded(503))
			}
			details, _ := round(leader, leaders)

			follower, followers := replica()
			eventually(t, func() error { return upAndContacted(endpoints)(follower.mustScrape(5 * time.Second)) })
			inTurn := least(leader, leaders, func() { round(follower, followers) })
			before, began := followers(), time.Now()
			for time.Since(began) < idle { // there is news each time
				round(leader, leaders)
			}
			took, unscraped := time.Since(began), followers()-before
			if unscraped > int64(took/look)+1 {
				t.Errorf("a replica that is not scraped made %d transactions in %v", unscraped, took)
			}
			figures(t, "%d endpoints: %d transactions a sync, %d after one of another replica, %d with 30 details; a replica that is not scraped %d in %v",
				endpoints, syncs, inTurn, details, unscraped, took.Round(time.Second))
		})
	}
}
