package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/file"
	"omegastream_exporter/internal/state/storetest"
	"omegastream_exporter/internal/test/postgres"
	"omegastream_exporter/internal/test/postgres/proxy"
)

// execSQL runs a statement in a database; %[1]s stands for the schema of the state.
func execSQL(t *testing.T, dsn, statement string, args ...any) {
	t.Helper()
	p := openPostgres(t, dsn, "replicas")
	defer p.Close()
	if _, err := p.pool.Exec(context.Background(), p.in(statement), args...); err != nil {
		t.Fatal(err)
	}
}

// loaded opens a store and loads its rows.
func loaded(t *testing.T, dsn string) *Store {
	t.Helper()
	p := openPostgres(t, dsn, "replicas")
	t.Cleanup(func() { p.Close() })
	if err := p.Load(context.Background(), ledger.Gather(new(ledger.Batch))); err != nil {
		t.Fatal(err)
	}
	return p
}

// If the answer to a commit is lost, the next attempt finds out whether the commit was made,
// and does not repeat it.
func TestCommitWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]proxy.Chances{
		"after the commit":  {AfterCommit: 1},
		"before the commit": {BeforeCommit: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct := postgres.NewDatabase(t)
			between, through := proxied(t, direct)
			p := loaded(t, through)
			storetest.Commit(t, p, storetest.EveryRow(1, 5))
			row := *storetest.EveryRow(0, 0).Account
			change := new(ledger.Batch)
			grown := row
			grown.FoldedTypes = 7
			change.Account = &grown
			between.Set(cut)
			if err := p.Commit(context.Background(), change); !errors.Is(err, state.ErrUnreachable) {
				t.Fatalf("a commit with a cut connection: %v", err)
			}
			between.Set(proxy.Chances{})
			storetest.Eventually(t, func() bool { return p.Commit(context.Background(), change) == nil })
			got := storetest.Held(t, func() state.Store { return openPostgres(t, direct, "replicas") })
			if got.Account.FoldedTypes != 7 {
				t.Errorf("7 was added %d times", got.Account.FoldedTypes/7)
			}
			if p.at != 2 {
				t.Errorf("the last commit is %d, want 2", p.at)
			}
		})
	}
}

// backup returns a function that restores the present rows of a state.
func backup(t *testing.T, dsn string) (restore func()) {
	t.Helper()
	tables := []string{"state", "record"}
	for _, table := range tables {
		execSQL(t, dsn, fmt.Sprintf(`CREATE TABLE %%[1]s.old_%s AS SELECT * FROM %%[1]s.%s`, table, table))
	}
	return func() {
		t.Helper()
		var all []string
		for _, table := range tables {
			all = append(all, fmt.Sprintf(`DELETE FROM %%[1]s.%s; INSERT INTO %%[1]s.%s SELECT * FROM %%[1]s.old_%s`, table, table, table))
		}
		execSQL(t, dsn, "DO $$ BEGIN "+strings.Join(all, ";")+"; END $$")
	}
}

func TestOlderStateIsNoticed(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	policy := storetest.Policy()
	policy.Hold = 0
	b := replica(t, dsn, policy)
	led := storetest.Lead(t, b)
	storetest.MakeKnown(b, "ep")
	storetest.ReadOn(b, "ep", nil)
	storetest.GiveBack(led, t, b)
	restore := backup(t, dsn)
	led = storetest.Lead(t, b)
	storetest.ReadOn(b, "ep", []storetest.Item{{ID: storetest.HexID(1), Type: "video.deleted", Created: time.Now().Unix()}})
	storetest.GiveBack(led, t, b)
	shown := storetest.ShownCounters(b.View(b.Now()))

	restore()
	storetest.Eventually(t, func() bool { return errors.Is(b.Failure(), ledger.ErrWentBack) })
	if got := storetest.ShownCounters(b.View(b.Now())); fmt.Sprint(got) != fmt.Sprint(shown) {
		t.Errorf("it shows %v, but showed %v before", got, shown)
	}
	if !strings.Contains(b.Failure().Error(), "state reset-counters") {
		t.Errorf("%v does not say what to do", b.Failure())
	}

	if err := state.ResetCounters(ctx, openPostgres(t, dsn, "replicas"), storetest.URL, policy, time.Now()); err != nil {
		t.Fatal(err)
	}
	storetest.Eventually(t, func() bool { return b.Failure() == nil })
	for name, v := range storetest.ShownCounters(b.View(b.Now())) {
		if v != 0 {
			t.Errorf("%s is %d after the counters were reset", name, v)
		}
	}
	led = storetest.Lead(t, b)
	storetest.ReadOn(b, "ep", []storetest.Item{{ID: storetest.HexID(1), Type: "video.deleted", Created: time.Now().Unix()}, {ID: storetest.HexID(2), Type: "video.deleted", Created: time.Now().Unix()}})
	storetest.GiveBack(led, t, b)
	if got := eventsCounted(b, "ep"); got != 2 {
		t.Errorf("%d events count after the reset, want the 2 that the state had not seen", got)
	}
}

// After a failover of the database, the exporter reads again what was lost, and raises
// counters whose events the API no longer has to the values shown before. Until then it shows
// no lower values.
func TestLostCommitsHeal(t *testing.T) {
	t.Parallel()
	for name, tells := range map[string]bool{"the API still lists it": true, "the API has forgotten it": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := postgres.NewDatabase(t)
			policy := storetest.Policy()
			policy.Hold = 0
			a, b := replica(t, dsn, policy), replica(t, dsn, policy)
			led := storetest.Lead(t, a)
			storetest.MakeKnown(a, "ep")
			storetest.ReadOn(a, "ep", nil)
			storetest.GiveBack(led, t, a)
			restore := backup(t, dsn)
			led = storetest.Lead(t, a)
			items := []storetest.Item{{ID: storetest.HexID(1), Type: "video.deleted", Created: time.Now().Unix()}, {ID: storetest.HexID(2), Type: "video.deleted", Created: time.Now().Unix()}}
			storetest.ReadOn(a, "ep", items)
			storetest.Answer(a, 2, func() ledger.Answer { return ledger.Answer{Responded: true, StatusCode: 500} })
			storetest.GiveBack(led, t, a)
			storetest.Refresh(t, b)
			shown := storetest.ShownCounters(a.View(a.Now()))

			restore()
			execSQL(t, dsn, `UPDATE %[1]s.state SET server = 'another 00000002', commit = commit + 100`)
			stops := []func(){a.Watch(), b.Watch()}
			defer stops[0]()
			defer stops[1]()
			storetest.Eventually(t, func() bool {
				led, err := b.Lead(context.Background())
				return err == nil && led != nil
			})
			storetest.Eventually(t, func() bool {
				return errors.Is(a.Failure(), ledger.ErrWentBack) && errors.Is(b.Failure(), ledger.ErrWentBack)
			})
			if !tells {
				items = nil
			}
			storetest.ReadOn(b, "ep", items)
			storetest.Answer(b, 2, func() ledger.Answer { return ledger.Answer{Responded: true, StatusCode: 500} })
			b.Do(func(acc *ledger.Account) { acc.Synced(b.Now()) })
			for i, r := range []*state.State{a, b} {
				storetest.Eventually(t, func() bool { return r.Failure() == nil })
				for name, value := range shown {
					if got := storetest.ShownCounters(r.View(r.Now()))[name]; got != value {
						t.Errorf("replica %d shows %s as %d, it was %d", i, name, got, value)
					}
				}
			}
		})
	}
}

// After a failover, the state is compared with what was shown, whatever the commit numbers
// say, and gets a new history.
func TestOtherServerIsNoticed(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	p := openPostgres(t, dsn, "replicas")
	var loads storetest.Loads
	b := storetest.Open(t, p, storetest.Policy(), &loads)
	if len(strings.Fields(p.here)) != 2 {
		t.Fatalf("the server has the identity %q", p.here)
	}
	storetest.GiveBack(storetest.Lead(t, b), t, b)
	if loads.Load() != 0 {
		t.Error("it has loaded the state again although the server is the same")
	}
	history := p.history
	execSQL(t, dsn, `UPDATE %[1]s.state SET server = 'another 00000002'`)
	storetest.GiveBack(storetest.Lead(t, b), t, b)
	if p.history == history || loads.Load() != 1 {
		t.Errorf("history %s after %s, loaded again %d times", p.history, history, loads.Load())
	}
	if err := b.Healthy(context.Background()); err != nil {
		t.Error(err)
	}
}

// A replica loads the state again if it was away for so long that deletions were pruned.
func TestFollowAfterPruning(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	a, b := loaded(t, dsn), loaded(t, dsn)
	storetest.Commit(t, a, storetest.EveryRow(1, 5))
	if _, _, err := b.Follow(context.Background()); err != nil {
		t.Fatal(err)
	}
	gone := storetest.EveryRow(1, 5).Failures[:1]
	gone[0].Failure = nil
	storetest.Commit(t, a, &ledger.Batch{Failures: gone})
	execSQL(t, dsn, `UPDATE %[1]s.record SET at = at - interval '1 day'`)
	a.pruned = time.Time{}
	storetest.Commit(t, a, &ledger.Batch{Endpoints: storetest.EveryRow(1, 0).Endpoints})
	if _, _, err := b.Follow(context.Background()); !errors.Is(err, ledger.ErrOvertaken) {
		t.Errorf("following past a pruned deletion: %v", err)
	}
	if _, _, err := a.Follow(context.Background()); err != nil {
		t.Errorf("the store that made all commits: %v", err)
	}
}

func TestStartsAtOnce(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	var starts sync.WaitGroup
	for range 6 {
		starts.Go(func() {
			b, _, err := state.Open(context.Background(), openPostgres(t, dsn, "replicas"), storetest.URL, storetest.Policy(), storetest.Quiet{})
			if err != nil {
				t.Error(err)
				return
			}
			if err := b.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	starts.Wait()
}

func TestPostgresIsRefused(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		change string
		want   error
	}{
		"newer":         {`UPDATE %[1]s.state SET layout = 99, needs = 99`, state.ErrNewer},
		"newer, but we": {`UPDATE %[1]s.state SET layout = 99`, nil},
		"account":       {`UPDATE %[1]s.state SET account = '\x00'`, ledger.ErrUnreadable},
		"record":        {`UPDATE %[1]s.record SET value = value || '\x00' WHERE kind = 1`, ledger.ErrUnreadable},
		"misplaced":     {`UPDATE %[1]s.record SET endpoint = 'endpoint-1' WHERE kind = 2`, ledger.ErrUnreadable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := postgres.NewDatabase(t)
			p := loaded(t, dsn)
			storetest.Commit(t, p, storetest.EveryRow(1, 5))
			execSQL(t, dsn, row.change)
			b, _, err := state.Open(context.Background(), openPostgres(t, dsn, "replicas"), storetest.URL, storetest.Policy(), storetest.Quiet{})
			if !errors.Is(err, row.want) {
				t.Errorf("%v, want %v", err, row.want)
			}
			if err == nil {
				_ = b.Close(context.Background())
			}
			if _, err := state.Inspect(context.Background(), openPostgres(t, dsn, "replicas"), storetest.URL, storetest.Policy()); !errors.Is(err, row.want) {
				t.Errorf("a look: %v, want %v", err, row.want)
			}
		})
	}
	dsn := postgres.NewDatabase(t)
	storetest.Commit(t, loaded(t, dsn), storetest.EveryRow(1, 5))
	_, _, err := state.Open(context.Background(), openPostgres(t, dsn, "replicas"), "https://other.example", storetest.Policy(), storetest.Quiet{})
	if !errors.Is(err, ledger.ErrOtherAccount) {
		t.Error(err)
	}
}

// Inspecting a state creates nothing, neither tables nor a replica.
func TestInspectPostgresMakesNothing(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	look := func() (*ledger.View, error) {
		return state.Inspect(context.Background(), openPostgres(t, dsn, "replicas"), storetest.URL, storetest.Policy())
	}
	if v, err := look(); v != nil || err != nil {
		t.Errorf("an empty database: %+v, %v", v, err)
	}
	p := loaded(t, dsn) // fails if the schema is incomplete
	storetest.Commit(t, p, storetest.EveryRow(2, 5))
	v, err := look()
	if err != nil || len(v.Endpoints) != 2 {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestCopy(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dir, dsn := t.TempDir(), postgres.NewDatabase(t)
	inFile := func(name string) state.Store { return file.New(filepath.Join(dir, name)) }
	shared := func() state.Store { return openPostgres(t, dsn, "replicas") }
	if _, err := state.Copy(ctx, inFile("none"), shared(), storetest.URL); !errors.As(err, new(*state.SourceError)) || !errors.Is(err, state.ErrNoCounters) {
		t.Errorf("of nothing: %v", err)
	}
	from := inFile("from")
	if err := from.Load(ctx, ledger.Gather(new(ledger.Batch))); err != nil {
		t.Fatal(err)
	}
	storetest.Commit(t, from, storetest.EveryRow(3, 50))
	if err := from.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Copy(ctx, inFile("from"), shared(), "https://other.example"); !errors.Is(err, ledger.ErrOtherAccount) {
		t.Errorf("another account: %v", err)
	}
	copied, err := state.Copy(ctx, inFile("from"), shared(), storetest.URL)
	if err != nil || copied != (state.Copied{Endpoints: 3, Events: 150}) {
		t.Fatalf("%+v, %v", copied, err)
	}
	if _, err := state.Copy(ctx, inFile("from"), shared(), storetest.URL); !errors.Is(err, state.ErrNotEmpty) {
		t.Errorf("a state that is not empty: %v", err)
	}
	if _, err := state.Copy(ctx, shared(), inFile("back"), storetest.URL); err != nil {
		t.Fatal(err)
	}
	storetest.SameRows(t, "there and back", storetest.Held(t, func() state.Store { return inFile("back") }), storetest.EveryRow(3, 50))
}

// Each replica shows a counter at 0 for its own hold, even if another one released it.
// Otherwise its own scrapers would first see it above 0.
func TestHoldOfWhatOthersReleased(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	a, b := replica(t, dsn, storetest.Policy()), replica(t, dsn, storetest.Policy())
	scrape := func(r *state.State, at time.Time) uint64 {
		t.Helper()
		if r == b {
			storetest.Refresh(t, r)
		}
		r.Do(func(acc *ledger.Account) { acc.Release(at) })
		if err := r.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		v := r.View(at)
		r.Do(func(acc *ledger.Account) { acc.Shown(v, at) })
		var n uint64
		for name, value := range storetest.ShownCounters(v) {
			if strings.Contains(name, "events") {
				n += value
			}
		}
		return n
	}
	start := a.Now()
	scrape(a, start)
	scrape(b, start)
	storetest.Lead(t, a)
	storetest.MakeKnown(a, "ep")
	storetest.ReadOn(a, "ep", nil)
	storetest.ReadOn(a, "ep", []storetest.Item{{ID: storetest.HexID(1), Type: "video.deleted", Created: time.Now().Unix()}})
	if got := scrape(a, start.Add(time.Second)); got != 0 {
		t.Fatalf("a shows %d at once", got)
	}
	if got := scrape(a, start.Add(2*time.Minute)); got != 1 {
		t.Fatalf("a shows %d after its hold", got)
	}
	if got := scrape(b, start.Add(2*time.Minute)); got != 0 {
		t.Fatalf("b shows %d in the first scrape that could", got)
	}
	if got := scrape(b, start.Add(2*time.Minute+30*time.Second)); got != 0 {
		t.Fatalf("b shows %d before its hold is over", got)
	}
	if got := scrape(b, start.Add(4*time.Minute)); got != 1 {
		t.Errorf("b shows %d after its hold", got)
	}
}

func TestPostgresErrorsHaveNoPassword(t *testing.T) {
	t.Parallel()
	const password = "hunter2hunter2"
	u, err := url.Parse(postgres.NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, dsn := range map[string]string{
		"not a url":      "postgres://user:" + password + "@host:port/db",
		"bad parameter":  "postgres://user:" + password + "@host/db?sslmode=odd",
		"wrong password": fmt.Sprintf("postgres://%s:%s@%s%s", u.User.Username(), password, u.Host, u.Path),
	} {
		place, err := ParseURL(dsn, "replicas")
		if err == nil {
			if printed := fmt.Sprintf("%s %v %+v %#v", place, place, place, place); strings.Contains(printed, password) {
				t.Errorf("%s: it prints as %s", name, printed)
			}
			p := openPostgres(t, dsn, "replicas")
			err = p.Load(context.Background(), ledger.Gather(new(ledger.Batch)))
			p.Close()
		}
		if err == nil || strings.Contains(err.Error(), password) || errors.Is(err, state.ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A URL can name files. If one is missing, the error names it, but not the password.
func TestMissingCertificateIsNamed(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "ca.pem")
	_, err := ParseURL("postgres://user:hunter2@host/db?sslmode=verify-full&sslrootcert="+missing, "replicas")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), missing) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}

// If the database fails over to an older state between two attempts, it refuses a commit that
// builds on the newer one, which would count only half of a change.
func TestCommitOntoAnOlderState(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	endpoints := &ledger.Batch{Endpoints: storetest.EveryRow(1, 0).Endpoints}
	for name, between := range map[string]func(t *testing.T, dsn string, p *Store){
		"its own commit": func(t *testing.T, _ string, p *Store) {
			storetest.Commit(t, p, &ledger.Batch{Endpoints: storetest.EveryRow(2, 0).Endpoints})
		},
		"another's commit": func(t *testing.T, dsn string, p *Store) {
			storetest.Commit(t, loaded(t, dsn), &ledger.Batch{Endpoints: storetest.EveryRow(2, 0).Endpoints})
			if _, _, err := p.Follow(ctx); err != nil {
				t.Fatal(err)
			}
		},
	} {
		for _, overtaken := range []bool{false, true} { // whether others have committed since
			if overtaken && name == "another's commit" {
				continue // the other replica notices that
			}
			t.Run(fmt.Sprintf("%s, overtaken %t", name, overtaken), func(t *testing.T) {
				t.Parallel()
				dsn := postgres.NewDatabase(t)
				p := loaded(t, dsn)
				storetest.Commit(t, p, storetest.EveryRow(1, 5))
				restore := backup(t, dsn)
				between(t, dsn, p)
				restore()
				if overtaken {
					other := loaded(t, dsn)
					for range 3 {
						storetest.Commit(t, other, &ledger.Batch{Endpoints: storetest.EveryRow(3, 0).Endpoints})
					}
				}
				if err := p.Commit(ctx, endpoints); !errors.Is(err, ledger.ErrOvertaken) {
					t.Errorf("a commit that builds on a newer state: %v", err)
				}
			})
		}
	}
}

func openPostgres(t testing.TB, dsn, schema string) *Store {
	t.Helper()
	place, err := ParseURL(dsn, schema)
	if err != nil {
		t.Fatal(err)
	}
	p, err := place.Open()
	if err != nil {
		t.Fatal(err)
	}
	return p
}
