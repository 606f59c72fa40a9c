package postgres

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
	"omegastream_exporter/internal/test/postgres"
)

// A leader that lost its lease to another replica cannot commit. What it did is lost, and
// read again.
func TestFencing(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	a, b := replica(t, dsn, noHolds()), replica(t, dsn, noHolds())
	led := storetest.Lead(t, a)
	storetest.MakeKnown(a, "ep")
	storetest.ReadOn(a, "ep", nil)
	if err := a.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if led, err := b.Lead(ctx); led != nil || err != nil {
		t.Fatalf("two lead at once: %v", err)
	}
	stolen(t, dsn)
	items := []storetest.Item{{ID: storetest.HexID(1), Type: "video.deleted", Created: time.Now().Unix()}}
	storetest.ReadOn(a, "ep", items)
	storetest.Eventually(t, func() bool { return led.Err() != nil })
	if a.SurelyLeads() {
		t.Error("it still calls the API")
	}
	if err := a.Healthy(ctx); err != nil {
		t.Fatal(err)
	}
	after := storetest.Lead(t, b)
	storetest.ReadOn(b, "ep", items)
	storetest.GiveBack(after, t, b)
	storetest.Lead(t, a)
	storetest.ReadOn(a, "ep", items)
	if err := a.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if got := eventsCounted(a, "ep"); got != 1 {
		t.Errorf("the event counts %d times", got)
	}
}

// replica opens a shared state.
func replica(t *testing.T, dsn string, policy ledger.Policy) *state.State {
	t.Helper()
	return storetest.Open(t, openPostgres(t, dsn, "replicas"), policy, storetest.Quiet{})
}

// noHolds is the policy without holds.
func noHolds() ledger.Policy {
	p := storetest.Policy()
	p.Hold = 0
	return p
}

// stolen ends the lease as if another replica had taken and released it.
func stolen(t *testing.T, dsn string) {
	t.Helper()
	execSQL(t, dsn, `UPDATE %[1]s.state SET holder = NULL, fence = fence + 1`)
}

// A leader without heartbeats for 5 s is replaced, whatever the database's clock says, also by
// a replica that has just started.
func TestLeaseEnds(t *testing.T) {
	t.Parallel()
	for name, beat := range map[string]string{
		"with the database's clock unchanged":           `UPDATE %[1]s.state SET holder = 'gone', beat = clock_timestamp()`,
		"with the database's clock set back an hour":    `UPDATE %[1]s.state SET holder = 'gone', beat = clock_timestamp() + interval '1 hour'`,
		"with the database's clock set forward an hour": `UPDATE %[1]s.state SET holder = 'gone', beat = clock_timestamp() - interval '1 hour'`,
		"with a sync that ended tomorrow":               `UPDATE %[1]s.state SET holder = 'gone', beat = clock_timestamp(), sync_ended = clock_timestamp() + interval '1 day', sync_rest = '1 s'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := postgres.NewDatabase(t)
			running := replica(t, dsn, storetest.Policy())
			execSQL(t, dsn, beat)
			started := replica(t, dsn, storetest.Policy())
			for name, b := range map[string]*state.State{"a running replica": running, "a new replica": started} {
				execSQL(t, dsn, beat)
				end := b.Watch()
				began := time.Now()
				var led context.Context
				storetest.Eventually(t, func() bool {
					lead, err := b.Lead(context.Background())
					led = lead //nolint:fatcontext // not a child of the previous one
					return err == nil && lead != nil
				})
				if took := time.Since(began); took > state.LeaseFor+time.Minute {
					t.Errorf("%s leads after %v", name, took)
				}
				storetest.GiveBack(led, t, b)
				end()
			}
		})
	}
}

// A leader that disappears in the middle of a statement, as in a power cut, leaves a lock
// that no timeout of the server releases. The next leader releases it.
func TestLeaderVanishesInAStatement(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	b := replica(t, dsn, storetest.Policy())
	p := openPostgres(t, dsn, "replicas")
	t.Cleanup(func() { p.Close() })
	pooled, err := p.pool.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	conn := pooled.Hijack()
	t.Cleanup(func() { conn.Close(ctx) })
	for _, statement := range []string{`BEGIN`, transactionLimits, p.in(`SELECT 1 FROM %[1]s.state FOR UPDATE`)} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	half := conn.PgConn().Frontend() // without the message that ends the statement
	half.SendParse(&pgproto3.Parse{Query: `SELECT 1`})
	if err := half.Flush(); err != nil {
		t.Fatal(err)
	}
	end := b.Watch()
	defer end()
	storetest.Eventually(t, func() bool {
		led, err := b.Lead(ctx)
		return err == nil && led != nil
	})
}

// failingStore fails the first few commits.
type failingStore struct {
	*Store
	fails, tries int // batches with failed deliveries
}

func (s *failingStore) CommitLed(ctx context.Context, b *ledger.Batch) (state.Lease, error) {
	if len(b.Failed) > 0 {
		if s.tries++; s.tries <= s.fails {
			return state.Lease{}, state.ErrUnreachable
		}
	}
	return s.Store.CommitLed(ctx, b)
}

// A leader reports counted failures once, before it first tries to commit them. Killed
// between commit and log, it would otherwise never report them.
func TestLeaderReportsFailuresBeforeTheCommit(t *testing.T) {
	t.Parallel()
	store := &failingStore{Store: openPostgres(t, postgres.NewDatabase(t), "replicas"), fails: 2}
	a := storetest.Open(t, store, noHolds(), storetest.Quiet{})
	var reported []string
	a.OnFailed(func(failed []ledger.FailedDelivery) {
		if store.tries > 0 {
			t.Error("reported after an attempt")
		}
		for _, f := range failed {
			reported = append(reported, f.EventID)
		}
	})
	storetest.Lead(t, a)
	storetest.MakeKnown(a, "ep")
	storetest.ReadOn(a, "ep", nil)
	storetest.ReadOn(a, "ep", []storetest.Item{{ID: storetest.HexID(1), Type: "video.deleted", Created: time.Now().Unix()}})
	a.Do(func(account *ledger.Account) {
		storetest.AnswerAll(account, a.Now(), ledger.Answer{Responded: true, StatusCode: 500})
	})
	if err := a.Close(context.Background()); err != nil { // then no commit is under way
		t.Fatal(err)
	}
	if !slices.Equal(reported, []string{storetest.HexID(1)}) || store.tries != store.fails+1 {
		t.Errorf("reported %v, %d attempts", reported, store.tries)
	}
}

// The leader learns that another replica asks for a sync, and that replica learns when the
// sync ends.
func TestAskTheLeader(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	a, b := replica(t, dsn, noHolds()), replica(t, dsn, noHolds())
	led := storetest.Lead(t, a)
	end := b.Watch()
	defer end()
	if led, err := b.Lead(ctx); led != nil || err != nil {
		t.Fatal(led, err)
	}
	select {
	case <-a.Asked():
	case <-time.After(time.Minute):
		t.Fatal("the leader does not learn of it")
	}
	storetest.MakeKnown(a, "ep")
	storetest.ReadOn(a, "ep", nil)
	storetest.ReadOn(a, "ep", []storetest.Item{{ID: storetest.HexID(1), Type: "video.deleted", Created: time.Now().Unix()}})
	a.Synced(led, ledger.SyncRecord{Result: "success", Took: time.Second, Rest: time.Minute})
	if err := b.Await(ctx, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if got := eventsCounted(b, "ep"); got != 1 {
		t.Errorf("it knows %d events", got)
	}
	if got := b.LastSync(); got.Number != 1 || got.Result != "success" || got.Ours || got.Rest != time.Minute {
		t.Errorf("it knows %+v", got)
	}
	// Nobody asks for a sync before the next one can start.
	if led, err := b.Lead(ctx); led != nil || err != nil {
		t.Fatal(led, err)
	}
	if err := b.Await(ctx, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if l := b.LastSync(); l.Number != 1 {
		t.Errorf("%+v", l)
	}
}

// A scrape shows everything that another replica showed before it began, even if no sync is
// due.
func TestAwaitShowsWhatOthersHaveShown(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	a, b := replica(t, dsn, storetest.Policy()), replica(t, dsn, storetest.Policy())
	led := storetest.Lead(t, a)
	storetest.MakeKnown(a, "ep")
	storetest.ReadOn(a, "ep", nil)
	a.Synced(led, ledger.SyncRecord{Result: "success", Rest: time.Minute})
	if err := a.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if err := b.Await(ctx, time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := len(b.View(b.Now()).Endpoints); got != 1 {
		t.Errorf("it shows %d endpoints, the other replica showed 1", got)
	}
}

// A replica that waits for the leader's sync learns when no sync will come.
func TestAskALeaderThatGoes(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	a, b := replica(t, dsn, storetest.Policy()), replica(t, dsn, storetest.Policy())
	led := storetest.Lead(t, a)
	end := b.Watch()
	defer end()
	if led, err := b.Lead(ctx); led != nil || err != nil {
		t.Fatal(led, err)
	}
	a.GiveBack(led, time.Minute)
	if err := b.Await(ctx, time.Time{}); !errors.Is(err, state.ErrFollows) {
		t.Errorf("%v", err)
	}
	storetest.Lead(t, b)
}

// A replica that cannot sync leaves the lease to one that can.
func TestUnfitReplicaLeavesTheLease(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	a, b := replica(t, dsn, storetest.Policy()), replica(t, dsn, storetest.Policy())
	giveUp := func(want bool) {
		t.Helper()
		led, err := a.Lead(ctx)
		if err != nil || (led != nil) != want {
			t.Fatalf("leads %v, %v", led != nil, err)
		}
		if led != nil {
			a.GiveBack(led, time.Minute)
			storetest.Eventually(t, func() bool { return led.Err() != nil })
			if err := a.Flush(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	giveUp(true)
	giveUp(true) // no other replica syncs
	led := storetest.Lead(t, b)
	b.Synced(led, ledger.SyncRecord{Result: "success"})
	if err := b.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	storetest.Eventually(t, func() bool { return led.Err() != nil })
	giveUp(false)
	execSQL(t, dsn, `UPDATE %[1]s.state SET sync_ended = sync_ended - interval '3 minutes'`)
	giveUp(true)
}

// eventsCounted returns the counted events of an endpoint, with the policy noHolds.
func eventsCounted(b *state.State, id string) (n uint64) {
	b.Look(func(a *ledger.Account) {
		for _, e := range a.View(b.Now()).Endpoints {
			for _, c := range e.Counters.All {
				if e.ID == id && c.Kind == ledger.CountEvents {
					n += c.Value
				}
			}
		}
	})
	return n
}

// If a lease is lost while a failed event is being asked for, the late answer does not end
// the ask under the new lease; the event would be asked for a third time.
func TestAnswerUnderALostLease(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	var loads storetest.Loads
	b := storetest.Open(t, openPostgres(t, dsn, "replicas"), storetest.Policy(), &loads)
	take := func() (task ledger.Task, ok bool) {
		b.Look(func(a *ledger.Account) {
			later := b.Now().Add(5*time.Minute + time.Second) // when it is due again
			a.Promote(later)
			task, ok = a.Take(later, func(ledger.Class) bool { return true })
		})
		return task, ok
	}
	storetest.Lead(t, b)
	storetest.MakeKnown(b, "ep")
	storetest.ReadOn(b, "ep", nil)
	storetest.ReadOn(b, "ep", []storetest.Item{{ID: storetest.HexID(1), Type: "video.deleted", Created: time.Now().Unix()}})
	storetest.Answer(b, 1, func() ledger.Answer { return ledger.Answer{Responded: true, StatusCode: 500} })
	if err := b.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	before, ok := take()
	if !ok {
		t.Fatal("nothing is due")
	}
	stolen(t, dsn)
	storetest.Eventually(t, func() bool { return loads.Load() > 0 })
	storetest.Lead(t, b)
	after, ok := take()
	if !ok {
		t.Fatal("it is not due again")
	}
	b.Do(func(a *ledger.Account) { a.Answered(before, ledger.Answer{Responded: true, StatusCode: 500}, b.Now()) })
	if again, ok := take(); ok {
		t.Errorf("got %+v while %+v is under way", again, after)
	}
	b.Do(func(a *ledger.Account) { a.Answered(after, ledger.Answer{Responded: true, StatusCode: 200}, b.Now()) })
	if _, ok := take(); ok {
		t.Error("it is due after its answer")
	}
}

// lateStore delays the results of commits.
type lateStore struct {
	state.SharedStore
	committed chan struct{} // receives a value for each commit of rows
	pass      chan struct{} // lets one of them return
}

func (s lateStore) CommitLed(ctx context.Context, b *ledger.Batch) (state.Lease, error) {
	lease, err := s.SharedStore.CommitLed(ctx, b)
	if b.Rows() > 0 {
		s.committed <- struct{}{}
		<-s.pass
	}
	return lease, err
}

// Another replica can show a commit before its leader knows the result. A scrape of the
// leader waits for the result, to show no less.
func TestAwaitACommitUnderWay(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	follower := replica(t, dsn, storetest.Policy())
	store := lateStore{openPostgres(t, dsn, "replicas"), make(chan struct{}), make(chan struct{})}
	leader, _, err := state.Open(ctx, store, storetest.URL, storetest.Policy(), storetest.Quiet{})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Lead(t, leader)
	storetest.MakeKnown(leader, "ep")
	storetest.ReadOn(leader, "ep", []storetest.Item{{ID: storetest.HexID(1), Type: "kind", Created: time.Now().Unix()}})
	<-store.committed
	storetest.Refresh(t, follower)
	shown := follower.View(follower.Now())
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	if err := leader.Await(short, time.Now()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a scrape during a commit does not wait: %v", err)
	}
	cancel()
	ended := make(chan struct{})
	defer close(ended)
	go func() { // including the commit of Close
		for {
			select {
			case store.pass <- struct{}{}:
			case <-store.committed:
			case <-ended:
				return
			}
		}
	}()
	if err := leader.Await(ctx, time.Now()); err != nil {
		t.Error(err)
	}
	if have, want := len(leader.View(leader.Now()).Endpoints), len(shown.Endpoints); have != want || want != 1 {
		t.Errorf("the leader shows %d endpoints, the follower showed %d", have, want)
	}
	if err := leader.Close(ctx); err != nil {
		t.Error(err)
	}
}
