package postgres

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
	"omegastream_exporter/internal/test/postgres"
)

// settableClock gives a database its own clock. The returned function sets it off by an
// interval.
func settableClock(t *testing.T, dsn string) (set func(by string)) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	run := func(statement string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(context.Background(), statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	run(`CREATE SCHEMA clock`)
	run(`CREATE TABLE clock.set (by interval)`)
	run(`INSERT INTO clock.set VALUES ('0')`)
	for _, name := range []string{"clock_timestamp", "now"} {
		run(`CREATE FUNCTION clock.` + name + `() RETURNS timestamptz LANGUAGE sql AS 'SELECT pg_catalog.` + name + `() + by FROM clock.set'`)
	}
	run(`ALTER DATABASE ` + conn.Config().Database + ` SET search_path = clock, pg_catalog`)
	return func(by string) {
		t.Helper()
		run(`UPDATE clock.set SET by = $1::text::interval`, by)
	}
}

// After the database's clock was set, no replica is stuck, and no pending delivery becomes a
// failure.
func TestClockIsSet(t *testing.T) {
	t.Parallel()
	const events = 10
	for by, want := range map[string]time.Duration{"-1 hour": -time.Hour, "15 minutes": 15 * time.Minute} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			dsn := postgres.NewDatabase(t)
			set := settableClock(t, dsn)
			a, b := replica(t, dsn, noHolds()), replica(t, dsn, noHolds())
			led := storetest.Lead(t, a)
			storetest.MakeKnown(a, "ep")
			storetest.ReadOn(a, "ep", nil)
			storetest.ReadOn(a, "ep", happened(events))
			storetest.Answer(a, events, func() ledger.Answer { return ledger.Answer{} })
			storetest.GiveBack(led, t, a)
			storetest.Refresh(t, b)

			set(by)
			for _, next := range []struct {
				replica *state.State
				answer  ledger.Answer
			}{
				{b, ledger.Answer{}},
				{a, ledger.Answer{Responded: true, StatusCode: 200}},
			} {
				r := next.replica
				end := r.Watch()
				storetest.Eventually(t, func() bool {
					lead, err := r.Lead(context.Background())
					led = lead //nolint:fatcontext // not a child of the previous one
					return err == nil && led != nil
				})
				if off := time.Until(r.Now()) - want; off.Abs() > time.Minute { // the test and the server have the same clock
					t.Errorf("its clock is %v off", off)
				}
				asked := 0
				storetest.Eventually(t, func() bool { // each is due some seconds after the previous ask
					r.Do(func(acc *ledger.Account) {
						acc.Promote(r.Now())
						if task, ok := acc.Take(r.Now(), func(ledger.Class) bool { return true }); ok {
							acc.Answered(task, next.answer, r.Now())
							asked++
						}
					})
					return asked == events
				})
				storetest.GiveBack(led, t, r)
				end()
			}
			storetest.Refresh(t, b)
			for _, r := range []*state.State{a, b} {
				for name, n := range storetest.ShownCounters(r.View(r.Now())) {
					switch well := strings.HasPrefix(name, "ep deliveries") && strings.HasSuffix(name, " 200"); {
					case well && n != events, !well && n != 0 && !strings.HasPrefix(name, "ep events") && name != "ep latency":
						t.Errorf("%s is %d", name, n)
					}
				}
			}
		})
	}
}
