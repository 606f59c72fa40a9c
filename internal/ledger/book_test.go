package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const failed = "video.process_failed"

// counting is a Watcher that counts.
type counting struct{ committed, failed atomic.Int64 }

func (c *counting) Committed(time.Duration) { c.committed.Add(1) }
func (c *counting) CommitFailed(error)      { c.failed.Add(1) }
func (*counting) LoadedAnew(error)          {}
func (*counting) Waiting(error)             {}

func open(t testing.TB, s Store, w Watcher) *Book {
	t.Helper()
	p := testPolicy()
	p.Hold = 0
	b, _, err := Open(context.Background(), s, testURL, p, w)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// contact brings endpoints into being that have no history.
func contact(a *Account, now time.Time, ids ...string) {
	found := make([]Found, len(ids))
	for i, id := range ids {
		found[i] = Found{ID: id, Meta: Meta{Events: []string{failed}, CreatedAt: now}}
	}
	a.List(found, now, now)
	for _, id := range ids {
		a.End(a.Begin(id, now, now, now), true, now)
	}
}

// happen makes events of an endpoint new.
func happen(a *Account, endpoint string, now time.Time, ids ...string) {
	r := a.Begin(endpoint, now, now, now)
	for _, id := range ids {
		r.Note([]byte(id), failed, now.Unix())
	}
	a.Apply(r, now)
	a.End(r, false, now)
}

func events(v *View, endpoint string) uint64 {
	n, _ := counter(v, endpoint, CountEvents, failed, 0)
	return n
}

func TestNothingIsShownBeforeItIsDurable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, w := newRowStore(), &counting{}
		b := open(t, s, w)
		b.Do(func(a *Account) { contact(a, time.Now(), "ep") })
		flush(t, b)
		s.mu.Lock()
		s.fail = func() error { return errDisk }
		s.mu.Unlock()
		b.Do(func(a *Account) { happen(a, "ep", time.Now(), hexID(1)) })
		synctest.Wait()
		if n := events(b.View(time.Now()), "ep"); n != 0 {
			t.Errorf("shown %d while the commit fails", n)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := b.Healthy(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("healthy: %v", err)
		}
		if err := b.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("flush: %v", err)
		}
		if !errors.Is(b.Failure(), errDisk) {
			t.Errorf("failure: %v", b.Failure())
		}
		if n := w.failed.Load(); n < 10 || n > 30 {
			t.Errorf("%d tries in a minute", n)
		}
		b.Do(func(a *Account) { happen(a, "ep", time.Now(), hexID(2)) }) // meanwhile life goes on
		s.mu.Lock()
		s.fail = nil
		s.mu.Unlock()
		if err := b.Healthy(context.Background()); err != nil {
			t.Error(err)
		}
		flush(t, b)
		if n := events(b.View(time.Now()), "ep"); n != 2 || b.Failure() != nil {
			t.Errorf("shown %d after it healed, failure %v", n, b.Failure())
		}
		if err := b.Close(context.Background()); err != nil || !s.closed {
			t.Errorf("close: %v, store closed %v", err, s.closed)
		}
		if n := events(viewOf(t, s), "ep"); n != 2 {
			t.Errorf("%d were kept", n)
		}
	})
}

func flush(t testing.TB, b *Book) {
	t.Helper()
	if err := b.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// viewOf is what a start on a store would show.
func viewOf(t testing.TB, s Store) *View {
	t.Helper()
	p := testPolicy()
	p.Hold = 0
	a, err := load(context.Background(), s, testURL, p, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return a.View(time.Now())
}

func TestCloseWhileCommitsFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRowStore()
		b := open(t, s, quiet{})
		s.mu.Lock()
		s.fail = func() error { return errDisk }
		s.mu.Unlock()
		b.Do(func(a *Account) { contact(a, time.Now(), "ep") })
		ctx, cancel := context.WithTimeout(context.Background(), 7*time.Second)
		defer cancel()
		began := time.Now()
		if err := b.Close(ctx); !errors.Is(err, errDisk) || errors.Is(err, context.DeadlineExceeded) || !s.closed {
			t.Errorf("close: %v, store closed %v", err, s.closed)
		}
		if took := time.Since(began); took != 7*time.Second {
			t.Errorf("took %v", took)
		}
		if err := b.Flush(context.Background()); err == nil {
			t.Error("flush after close: what is not durable must not be called so")
		}
	})
}

// A commit that hangs (a network store) is told to end, and then left.
func TestCloseWhileACommitHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRowStore()
		b := open(t, s, quiet{})
		s.pass = make(chan struct{})
		s.entered = make(chan struct{}, 10)
		b.Do(func(a *Account) { contact(a, time.Now(), "ep") })
		<-s.entered
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		began := time.Now()
		if err := b.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close: %v", err)
		}
		if took := time.Since(began); took > time.Second+closeWait {
			t.Errorf("took %v", took)
		}
	})
}

// deaf is a store whose commits do not even hear that they should end.
type deaf struct {
	*rowStore
	release chan struct{}
}

func (d deaf) Commit(ctx context.Context, b *Batch) error {
	if d.commits > 0 {
		<-d.release
	}
	return d.rowStore.Commit(ctx, b)
}

func TestCloseDoesNotHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := deaf{newRowStore(), make(chan struct{})}
		b := open(t, s, quiet{})
		b.Do(func(a *Account) { contact(a, time.Now(), "ep") })
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		began := time.Now()
		if err := b.Close(ctx); err == nil || s.closed {
			t.Errorf("close: %v; a store in use was closed: %v", err, s.closed)
		}
		if took := time.Since(began); took != time.Second+closeWait {
			t.Errorf("took %v", took)
		}
		close(s.release)
	})
}

func TestOpenFailsWhereNothingCanBeWritten(t *testing.T) {
	t.Parallel()
	s := newRowStore()
	s.fail = func() error { return errDisk }
	if _, _, err := Open(context.Background(), s, testURL, testPolicy(), quiet{}); !errors.Is(err, errDisk) || !s.closed {
		t.Errorf("error %v, store closed %v", err, s.closed)
	}
}

// Whatever is shown at any moment is in the store, although commits fail at
// random, and transitions, views and waits come from everywhere at once.
func TestShownIsDurableUnderLoad(t *testing.T) {
	t.Parallel()
	s := newRowStore()
	s.fail = func() error {
		if s.commits > 2 && rand.IntN(4) == 0 {
			return errDisk
		}
		return nil
	}
	b := open(t, s, quiet{})
	ids := []string{"a", "b", "c"}
	b.Do(func(a *Account) { contact(a, epoch, ids...) })
	flush(t, b)
	const each = 60
	var writers, readers sync.WaitGroup
	for n, id := range ids {
		writers.Go(func() {
			for i := range each {
				b.Do(func(a *Account) { happen(a, id, epoch, hexID(n*1000+i)) })
				if i%20 == 0 {
					flush(t, b)
				}
			}
		})
	}
	ctx, stop := context.WithCancel(context.Background())
	for range 2 {
		readers.Go(func() {
			most := make(map[string]uint64)
			for ctx.Err() == nil {
				v := b.View(epoch)
				for _, id := range ids {
					shown, kept := events(v, id), s.value(id)
					if shown > kept || shown < most[id] {
						t.Errorf("%s is shown as %d, kept are %d, shown before %d", id, shown, kept, most[id])
						return
					}
					most[id] = shown
				}
			}
		})
	}
	writers.Wait()
	flush(t, b)
	stop()
	readers.Wait()
	for _, id := range ids {
		if n := events(b.View(epoch), id); n != each {
			t.Errorf("%s: %d, want %d", id, n, each)
		}
	}
	if err := b.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func (s *rowStore) value(endpoint string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, r := range s.series[endpoint] {
		if key.Kind == CountEvents {
			return r.Value
		}
	}
	return 0
}

// The window of an endpoint that rests follows the clock of each scrape.
func TestViewHasItsOwnClock(t *testing.T) {
	t.Parallel()
	b := open(t, NewMemory(), quiet{})
	defer b.Close(context.Background())
	b.Do(func(a *Account) {
		contact(a, epoch, "ep")
		happen(a, "ep", epoch, hexID(1))
		task, _ := a.Take(epoch, func(Class) bool { return true })
		a.Answered(task, Answer{Responded: true, StatusCode: 500}, epoch)
	})
	flush(t, b)
	for _, row := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {24*time.Hour - time.Second, 1}, {24 * time.Hour, 0}, {time.Hour, 1}} {
		v := b.View(epoch.Add(row.after))
		got := 0
		for _, c := range v.Endpoints[0].Window {
			got += c.Count
		}
		if got != row.want {
			t.Errorf("after %v: %d in the window, want %d", row.after, got, row.want)
		}
	}
}

func TestMemoryStartsAtZero(t *testing.T) {
	t.Parallel()
	s := NewMemory()
	b := open(t, s, quiet{})
	b.Do(func(a *Account) { contact(a, epoch, "ep") })
	if err := b.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if v := viewOf(t, s); len(v.Endpoints) != 0 {
		t.Error(fmt.Sprint(v))
	}
}

// The window of an endpoint must not tell of an outcome before its counter does.
func TestWindowIsNotShownBeforeItIsDurable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRowStore()
		b := open(t, s, quiet{})
		b.Do(func(a *Account) {
			contact(a, time.Now(), "ep")
			happen(a, "ep", time.Now(), hexID(1), hexID(2))
		})
		flush(t, b)
		s.mu.Lock()
		s.fail = func() error { return errDisk }
		s.mu.Unlock()
		for range 2 { // the batch that fails, and what comes after it
			b.Do(func(a *Account) {
				task, _ := a.Take(time.Now(), func(Class) bool { return true })
				a.Answered(task, Answer{Responded: true, StatusCode: 200}, time.Now())
			})
			synctest.Wait()
			for _, c := range b.View(time.Now()).Endpoints[0].Window {
				if c.Count != 0 {
					t.Errorf("%+v", c)
				}
			}
		}
		s.mu.Lock()
		s.fail = nil
		s.mu.Unlock()
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
