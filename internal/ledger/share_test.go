package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"omegastream_exporter/internal/test/postgres"
)

// replica opens a shared state once more.
func replica(t *testing.T, dsn string, policy Policy) *Book {
	t.Helper()
	b, _, err := Open(context.Background(), openPostgres(t, dsn, "replicas"), testURL, policy, quiet{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = b.Close(ctx)
	})
	return b
}

// lead makes a book lead, and fails the test where it does not.
func lead(t *testing.T, b *Book) context.Context {
	t.Helper()
	led, err := b.Lead(context.Background())
	if err != nil || led == nil {
		t.Fatalf("it does not lead: %v", err)
	}
	return led
}

// giveBack ends a lead once all is durable.
func giveBack(led context.Context, t *testing.T, b *Book) {
	t.Helper()
	b.Yield(led, 0)
	if err := b.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return led.Err() != nil })
}

// refresh makes a book take in what others have committed.
func refresh(t *testing.T, b *Book) {
	t.Helper()
	if err := b.share.take(context.Background()); err != nil {
		t.Fatal(err)
	}
	err := b.turn(true)
	<-b.share.turn
	if err != nil {
		t.Fatal(err)
	}
}

// readOn makes a book read an endpoint that it has a lease on. An empty list is read
// twice, so that it is believed.
func readOn(b *Book, id string, items []item) {
	if len(items) == 0 {
		readOnce(b, id, items)
	}
	readOnce(b, id, items)
}

func readOnce(b *Book, id string, items []item) {
	now := b.Now()
	b.Do(func(a *Account) {
		r := a.Begin(id, now, now, now)
		if r == nil { // it has lost the lease
			return
		}
		for _, it := range items {
			if r.Note([]byte(it.id), it.typ, it.created) {
				a.Apply(r, now)
			}
		}
		a.Apply(r, now)
		a.End(r, true, now)
	})
}

// answer makes a book fetch up to n details.
func answer(b *Book, n int, answer func() Answer) {
	for range n {
		b.Do(func(a *Account) {
			if task, ok := a.Take(b.Now(), func(Class) bool { return true }); ok {
				a.Answered(task, answer(), b.Now())
			}
		})
	}
}

// inMemory returns an account as rows.
func inMemory(a *Account) *Batch {
	row := a.row.clone()
	b := &Batch{Account: &row}
	for id, e := range a.endpoints {
		b.Endpoints = append(b.Endpoints, e.row.clone())
		for key, s := range e.counters {
			b.Series = append(b.Series, SeriesRow{id, key, s.value, s.Born, s.Released, s.exemplar})
		}
		if l := e.latency; l != nil {
			b.Latencies = append(b.Latencies, LatencyRow{id, l.counts, l.Born, l.Released})
		}
		for i, ev := range e.slab.all() {
			row := EventRow{Endpoint: id, Slot: i, Event: *ev, Relisted: e.relists[i]}
			if ev.Key.Hashed() {
				row.ID = e.ids[ev.Key]
			}
			b.Events = append(b.Events, row)
		}
		for _, f := range e.kept.rows {
			b.Failures = append(b.Failures, FailureRow{id, f.at.Time, f.at.Key, f.Failure})
		}
	}
	return b
}

// derived is what an account knows beside its rows.
func derived(a *Account, now time.Time) *View {
	v := a.View(now)
	for i, e := range v.Endpoints {
		shown := *e
		shown.version, shown.failures = 0, nil
		shown.Counters = nil
		v.Endpoints[i] = &shown
	}
	v.gated = false
	return v
}

// Replicas that lead in turn have all of the account alike: the rows, and what is
// derived from them, as a start would make it.
func TestReplicasAgree(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	policy := testPolicy()
	policy.Window = time.Hour
	books := []*Book{replica(t, dsn, policy), replica(t, dsn, policy), replica(t, dsn, policy)}
	rnd := rand.New(rand.NewPCG(1, 2))
	listed := make(map[string][]item)
	serial := 0
	for range 120 {
		b, id := books[rnd.IntN(len(books))], fmt.Sprintf("ep%d", rnd.IntN(3))
		for range rnd.IntN(40) {
			serial++
			it := item{hexID(serial), fmt.Sprintf("kind %d", rnd.IntN(9)), time.Now().Unix() - int64(rnd.IntN(7000))}
			switch rnd.IntN(20) {
			case 0:
				it.id = fmt.Sprintf("odd %d", serial)
			case 1:
				it.created = 0
			}
			listed[id] = append([]item{it}, listed[id]...)
		}
		led := lead(t, b)
		makeKnown(b, id)
		readOn(b, id, listed[id])
		answer(b, rnd.IntN(60), func() Answer {
			return Answer{Responded: rnd.IntN(5) > 0, StatusCode: 200 + 300*rnd.IntN(2), Words: Words{Message: "text"}}
		})
		if rnd.IntN(4) == 0 {
			listed[id] = listed[id][:rnd.IntN(len(listed[id])+1)]
		}
		giveBack(led, t, b)
	}
	fresh := openPostgres(t, dsn, "replicas")
	want, err := load(ctx, fresh, testURL, policy, time.Now())
	if err := errors.Join(err, fresh.Close()); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i, b := range books {
		refresh(t, b)
		if n := b.countLoads(); n > 0 {
			t.Errorf("replica %d has loaded anew %d times", i, n)
		}
		b.Look(func(a *Account) {
			sameRows(t, fmt.Sprintf("replica %d", i), inMemory(a), inMemory(want))
			diffViews(t, fmt.Sprintf("replica %d", i), derived(a, now), derived(want, now))
		})
	}
}

// makeKnown makes an endpoint known to the account.
func makeKnown(b *Book, ids ...string) {
	b.Do(func(a *Account) {
		for _, id := range ids {
			a.ensure(id)
		}
	})
}

// A lease that another replica has taken over is of no use any more: what was done
// under it is lost, and learned again.
func TestFencing(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	a, b := replica(t, dsn, testPolicy()), replica(t, dsn, testPolicy())
	led := lead(t, a)
	makeKnown(a, "ep")
	readOn(a, "ep", nil)
	if err := a.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if led, err := b.Lead(ctx); led != nil || err != nil {
		t.Fatalf("two lead at once: %v", err)
	}
	stolen(t, dsn)
	items := []item{{hexID(1), "video.deleted", time.Now().Unix()}}
	readOn(a, "ep", items)
	eventually(t, func() bool { return led.Err() != nil })
	if err := a.Leads(); err == nil {
		t.Error("it goes on asking the API")
	}
	if err := a.Healthy(ctx); err != nil {
		t.Fatal(err)
	}
	after := lead(t, b)
	readOn(b, "ep", items)
	giveBack(after, t, b)
	lead(t, a)
	readOn(a, "ep", items)
	if err := a.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if got := eventsCounted(a, "ep"); got != 1 {
		t.Errorf("the event counts %d times", got)
	}
}

// stolen ends the lease as one that another replica had and gave back would be.
func stolen(t *testing.T, dsn string) {
	t.Helper()
	execSQL(t, dsn, `UPDATE %[1]s.state SET holder = NULL, fence = fence + 1`)
}

// A leader that is not heard of for 5 s is replaced, whatever the clock of the database
// says, and the one after it goes on where it stopped.
func TestLeaseEnds(t *testing.T) {
	t.Parallel()
	for name, beat := range map[string]string{
		"by the clock of the database":          `UPDATE %[1]s.state SET holder = 'gone', beat = clock_timestamp()`,
		"which was set back an hour meanwhile":  `UPDATE %[1]s.state SET holder = 'gone', beat = clock_timestamp() + interval '1 hour'`,
		"which was set forward an hour":         `UPDATE %[1]s.state SET holder = 'gone', beat = clock_timestamp() - interval '1 hour'`,
		"with a sync that rests until tomorrow": `UPDATE %[1]s.state SET holder = 'gone', beat = clock_timestamp(), sync_ended = clock_timestamp() + interval '1 day', sync_rest = '1 s'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := postgres.NewDatabase(t)
			b := replica(t, dsn, testPolicy())
			execSQL(t, dsn, beat)
			end := b.Watch()
			defer end()
			began := time.Now()
			eventually(t, func() bool {
				led, err := b.Lead(context.Background())
				return err == nil && led != nil
			})
			if took := time.Since(began); took > LeaseFor+10*time.Second {
				t.Errorf("after %v", took)
			}
		})
	}
}

// The one that is asked for a sync hears of it, and the one that has asked hears of its
// end.
func TestAskTheLeader(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	a, b := replica(t, dsn, testPolicy()), replica(t, dsn, testPolicy())
	led := lead(t, a)
	end := b.Watch()
	defer end()
	if led, err := b.Lead(ctx); led != nil || err != nil {
		t.Fatal(led, err)
	}
	select {
	case <-a.Asked():
	case <-time.After(20 * time.Second):
		t.Fatal("it is not told")
	}
	makeKnown(a, "ep")
	readOn(a, "ep", nil)
	readOn(a, "ep", []item{{hexID(1), "video.deleted", time.Now().Unix()}})
	a.Synced(led, SyncRecord{Result: "success", Took: time.Second, Rest: time.Minute})
	if err := b.Await(ctx, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if got := eventsCounted(b, "ep"); got != 1 {
		t.Errorf("it knows of %d events", got)
	}
	if got := b.LastSync(); got.Number != 1 || got.Result != "success" || got.Ours || got.Rest != time.Minute {
		t.Errorf("it knows of %+v", got)
	}
	// During the rest nobody is asked for anything.
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

// What one has shown before a scrape of another begins, that one shows as well, also
// where it is not yet time for a sync.
func TestAwaitShowsWhatOthersHaveShown(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	a, b := replica(t, dsn, testPolicy()), replica(t, dsn, testPolicy())
	led := lead(t, a)
	makeKnown(a, "ep")
	readOn(a, "ep", nil)
	a.Synced(led, SyncRecord{Result: "success", Rest: time.Minute})
	if err := a.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if err := b.Await(ctx, time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := len(b.View(b.Now()).Endpoints); got != 1 {
		t.Errorf("it shows %d endpoints, another has shown 1", got)
	}
}

// One that asked the leader for a sync is told when there is none to wait for any more.
func TestAskALeaderThatGoes(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	a, b := replica(t, dsn, testPolicy()), replica(t, dsn, testPolicy())
	led := lead(t, a)
	end := b.Watch()
	defer end()
	if led, err := b.Lead(ctx); led != nil || err != nil {
		t.Fatal(led, err)
	}
	a.Yield(led, time.Minute)
	if err := b.Await(ctx, time.Time{}); !errors.Is(err, ErrFollows) {
		t.Errorf("%v", err)
	}
	lead(t, b)
}

// A replica with a trouble of its own leaves the lease to one that syncs well.
func TestUnfitReplicaLeavesTheLease(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	a, b := replica(t, dsn, testPolicy()), replica(t, dsn, testPolicy())
	giveUp := func(want bool) {
		t.Helper()
		led, err := a.Lead(ctx)
		if err != nil || (led != nil) != want {
			t.Fatalf("leads %v, %v", led != nil, err)
		}
		if led != nil {
			a.Yield(led, time.Minute)
			eventually(t, func() bool { return led.Err() != nil })
			if err := a.Flush(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	giveUp(true)
	giveUp(true) // nobody else syncs
	led := lead(t, b)
	b.Synced(led, SyncRecord{Result: "success"})
	if err := b.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return led.Err() != nil })
	giveUp(false)
	execSQL(t, dsn, `UPDATE %[1]s.state SET sync_ended = sync_ended - interval '3 minutes'`)
	giveUp(true)
}

// eventsCounted returns how many events of an endpoint are counted.
func eventsCounted(b *Book, id string) (n uint64) {
	b.Look(func(a *Account) {
		for key, s := range a.endpoints[id].counters {
			if key.Kind == CountEvents {
				n += s.value
			}
		}
	})
	return n
}

// eventually waits for a condition.
func eventually(t *testing.T, reached func() bool) {
	t.Helper()
	limit, tick := time.After(time.Minute), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !reached() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("it does not come to pass")
		}
	}
}

// A failure that is asked for again, under a lease that was lost since then, does not
// end the new lease's own asking for it: it would be asked for a third time.
func TestAnswerUnderALostLease(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	b := replica(t, dsn, testPolicy())
	take := func() (task Task, ok bool) {
		b.Look(func(a *Account) {
			later := b.Now().Add(retryFirst + time.Second)
			a.Promote(later)
			task, ok = a.Take(later, func(Class) bool { return true })
		})
		return task, ok
	}
	lead(t, b)
	makeKnown(b, "ep")
	readOn(b, "ep", nil)
	readOn(b, "ep", []item{{hexID(1), "video.deleted", time.Now().Unix()}})
	answer(b, 1, func() Answer { return Answer{Responded: true, StatusCode: 500} })
	if err := b.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	before, ok := take()
	if !ok {
		t.Fatal("there is nothing to ask for")
	}
	stolen(t, dsn)
	eventually(t, func() bool { return b.countLoads() > 0 })
	lead(t, b)
	after, ok := take()
	if !ok {
		t.Fatal("it is not asked for again")
	}
	b.Do(func(a *Account) { a.Answered(before, Answer{Responded: true, StatusCode: 500}, b.Now()) })
	if again, ok := take(); ok {
		t.Errorf("%+v while %+v is under way", again, after)
	}
	b.Do(func(a *Account) { a.Answered(after, Answer{Responded: true, StatusCode: 200}, b.Now()) })
	if _, ok := take(); ok {
		t.Error("it is asked for after its answer")
	}
}

// behindStore has something happen between the load of the state and the first look at
// what came after it.
type behindStore struct {
	Shared
	meanwhile func()
}

func (s behindStore) Load(ctx context.Context, rows Rows) error {
	err := s.Shared.Load(ctx, rows)
	s.meanwhile()
	return err
}

// Two replicas make the state at the same time: the one that is late takes no lease away.
func TestStartBesideAStart(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	var first *Book
	var led context.Context
	store := behindStore{openPostgres(t, dsn, "replicas"), func() {
		if first == nil {
			first = replica(t, dsn, testPolicy())
			led = lead(t, first)
		}
	}}
	late, _, err := Open(context.Background(), store, testURL, testPolicy(), quiet{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = late.Close(context.Background()) })
	makeKnown(first, "ep")
	if err := first.Flush(context.Background()); err != nil || led.Err() != nil {
		t.Errorf("the one that leads: %v, %v", err, led.Err())
	}
}

// What another replica commits while this one starts, or loads the state anew, is in
// neither lost: the load has it, or the look after it.
func TestCommitsDuringALoad(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	leader := replica(t, dsn, testPolicy())
	lead(t, leader)
	n := 0
	store := behindStore{openPostgres(t, dsn, "replicas"), func() {
		n++
		id := fmt.Sprintf("ep%d", n)
		makeKnown(leader, id)
		readOn(leader, id, []item{{hexID(n), "kind", time.Now().Unix()}})
		if err := leader.Flush(ctx); err != nil {
			t.Error(err)
		}
	}}
	b, _, err := Open(ctx, store, testURL, testPolicy(), quiet{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close(ctx) })
	same := func(when string) {
		t.Helper()
		refresh(t, b)
		var want *Batch
		leader.Look(func(a *Account) { want = inMemory(a) })
		b.Look(func(a *Account) { sameRows(t, when, inMemory(a), want) })
	}
	same("after the start")
	if err := b.share.take(ctx); err != nil {
		t.Fatal(err)
	}
	err = b.reload(ErrOvertaken)
	<-b.share.turn
	if err != nil {
		t.Fatal(err)
	}
	same("loaded anew")
	if n != 2 {
		t.Errorf("%d loads, want 2", n)
	}
}

// lateStore gives the answer of a commit only when it may.
type lateStore struct {
	Shared
	committed chan struct{} // gets one for each commit of rows that was made,
	pass      chan struct{} // which returns when this gives one
}

func (s lateStore) Tell(ctx context.Context, b *Batch) (Lease, error) {
	lease, err := s.Shared.Tell(ctx, b)
	if b.Rows() > 0 {
		s.committed <- struct{}{}
		<-s.pass
	}
	return lease, err
}

// Another replica can show a commit before the one that leads knows that it was made: a
// scrape of that one waits for the answer, so as not to show less.
func TestAwaitACommitUnderWay(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	follower := replica(t, dsn, testPolicy())
	store := lateStore{openPostgres(t, dsn, "replicas"), make(chan struct{}), make(chan struct{})}
	leader, _, err := Open(ctx, store, testURL, testPolicy(), quiet{})
	if err != nil {
		t.Fatal(err)
	}
	lead(t, leader)
	makeKnown(leader, "ep")
	readOnce(leader, "ep", []item{{hexID(1), "kind", time.Now().Unix()}})
	<-store.committed
	refresh(t, follower)
	shown := follower.View(follower.Now())
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	if err := leader.Await(short, time.Now()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a scrape in the midst of a commit does not wait: %v", err)
	}
	cancel()
	go func() { // that of the close too
		for {
			select {
			case store.pass <- struct{}{}:
			case <-store.committed:
			case <-leader.done:
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
