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

// claim takes leases, and fails the test where one is not to be had.
func claim(t *testing.T, b *Book, names ...string) {
	t.Helper()
	grant, err := b.Claim(context.Background(), Request{Names: names, Most: len(names), Keep: true})
	if err != nil || len(grant.Granted) != len(names) {
		t.Fatalf("granted %v of %v: %v", grant.Granted, names, err)
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

// release gives a lease back, and waits until that is durable.
func release(t *testing.T, b *Book, id string) {
	t.Helper()
	b.Finish(id, true)
	b.Do(func(a *Account) { a.yield(id, b.Now().Add(time.Minute)) })
	if err := b.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// inMemory regrant an account as rows.
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
			if ev.Key.hashed() {
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
	v := a.view(now)
	for i, e := range v.Endpoints {
		shown := *e
		shown.version, shown.failures = 0, nil
		shown.Counters = nil
		v.Endpoints[i] = &shown
	}
	v.gated = false
	return v
}

// Replicas that take grant at endpoints have all of it alike: the rows, and what is
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
		claim(t, b, id)
		readOn(b, id, listed[id])
		answer(b, rnd.IntN(60), func() Answer {
			return Answer{Responded: rnd.IntN(5) > 0, StatusCode: 200 + 300*rnd.IntN(2), Words: Words{Message: "text"}}
		})
		if rnd.IntN(4) == 0 {
			listed[id] = listed[id][:rnd.IntN(len(listed[id])+1)]
		}
		release(t, b, id)
	}
	fresh := openPostgres(t, dsn, "replicas")
	want, err := load(ctx, fresh, testURL, policy, time.Now())
	if err := errors.Join(err, fresh.Close()); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i, b := range books {
		if err := b.Refresh(ctx); err != nil {
			t.Fatal(err)
		}
		if n := b.countLoads(); n > 0 {
			t.Errorf("replica %d has loaded anew %d times", i, n)
		}
		b.Look(func(a *Account) {
			sameRows(t, fmt.Sprintf("replica %d", i), inMemory(a), inMemory(want))
			diffViews(t, fmt.Sprintf("replica %d", i), derived(a, now), derived(want, now))
		})
	}
}

// A lease that another replica has taken over is of no use any more: what was done
// under it is lost, and learned again.
func TestFencing(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	a, b := replica(t, dsn, testPolicy()), replica(t, dsn, testPolicy())
	claim(t, a, "ep")
	readOn(a, "ep", nil)
	if err := a.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	stolen(t, dsn, a)
	claim(t, b, "ep")
	items := []item{{hexID(1), "video.deleted", time.Now().Unix()}}
	readOn(a, "ep", items)
	if err := a.Flush(ctx); !errors.Is(err, ErrOvertaken) {
		t.Errorf("a commit without a lease: %v", err)
	}
	if err := a.Healthy(ctx); err != nil {
		t.Fatal(err)
	}
	readOn(b, "ep", items)
	release(t, b, "ep")
	claim(t, a, "ep")
	readOn(a, "ep", items)
	if err := a.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if got := eventsCounted(a, "ep"); got != 1 {
		t.Errorf("the event counts %d times", got)
	}
}

// stolen lets a replica's leases end, as if it had not been heard of for long.
func stolen(t *testing.T, dsn string, b *Book) {
	t.Helper()
	p := b.store.(*Postgres)
	other := openPostgres(t, dsn, "replicas")
	defer other.Close()
	if _, err := other.pool.Exec(context.Background(), other.in(`UPDATE %[1]s.lease SET holder = NULL WHERE holder = $1`), p.id); err != nil {
		t.Fatal(err)
	}
}

// eventsCounted regrant how many events of an endpoint are counted.
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

// A replica that lost a lease while it had nothing to commit under it must not go on
// as if it knew what its successor has done.
func TestLostLeaseWithNothingToCommit(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	ctx := context.Background()
	a, b := replica(t, dsn, testPolicy()), replica(t, dsn, testPolicy())
	claim(t, a, "ep")
	readOn(a, "ep", nil)
	if err := a.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	stolen(t, dsn, a)
	claim(t, b, "ep")
	readOn(b, "ep", []item{{hexID(1), "video.deleted", time.Now().Unix()}})
	release(t, b, "ep")
	if err := a.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	if a.countLoads() == 0 {
		t.Error("it goes on under the lease, although it sees what another one has done")
	}
	if got := eventsCounted(a, "ep"); got != 1 {
		t.Errorf("the event counts %d times", got)
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, reached func() bool) {
	t.Helper()
	limit, tick := time.After(20*time.Second), time.NewTicker(5*time.Millisecond)
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
	b := replica(t, postgres.NewDatabase(t), testPolicy())
	take := func() (task Task, ok bool) {
		b.Look(func(a *Account) {
			later := b.Now().Add(retryFirst + time.Second)
			a.Promote(later)
			task, ok = a.Take(later, func(Class) bool { return true })
		})
		return task, ok
	}
	claim(t, b, "ep")
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
	b.share.suspect.Store(true)
	b.wakeUp()
	eventually(t, func() bool { return b.countLoads() > 0 })
	claim(t, b, "ep")
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
