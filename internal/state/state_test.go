package state_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
)

// counting is a Watcher that counts commits and failures.
type counting struct{ committed, failed atomic.Int64 }

func (c *counting) Committed(time.Duration) { c.committed.Add(1) }
func (c *counting) CommitFailed(error)      { c.failed.Add(1) }
func (*counting) LoadedAnew(error)          {}
func (*counting) Waiting(error)             {}

func open(t testing.TB, s state.Store, w state.Watcher) *state.State {
	t.Helper()
	p := storetest.Policy()
	p.Hold = 0
	b, _, err := state.Open(context.Background(), s, storetest.URL, p, w)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNothingIsShownBeforeItIsDurable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, w := storetest.NewDouble(), &counting{}
		b := open(t, s, w)
		b.Do(func(a *ledger.Account) { storetest.Contact(a, time.Now(), "ep") })
		flush(t, b)
		s.Mu.Lock()
		s.Fail = func() error { return storetest.ErrDisk }
		s.Mu.Unlock()
		b.Do(func(a *ledger.Account) { storetest.Happen(a, "ep", time.Now(), storetest.HexID(1)) })
		synctest.Wait()
		if n := storetest.EventsOf(b.View(time.Now()), "ep"); n != 0 {
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
		if !errors.Is(b.Failure(), storetest.ErrDisk) {
			t.Errorf("failure: %v", b.Failure())
		}
		if n := w.failed.Load(); n < 10 || n > 30 {
			t.Errorf("%d tries in a minute", n)
		}
		b.Do(func(a *ledger.Account) { storetest.Happen(a, "ep", time.Now(), storetest.HexID(2)) }) // events arrive meanwhile
		s.Mu.Lock()
		s.Fail = nil
		s.Mu.Unlock()
		if err := b.Healthy(context.Background()); err != nil {
			t.Error(err)
		}
		flush(t, b)
		if n := storetest.EventsOf(b.View(time.Now()), "ep"); n != 2 || b.Failure() != nil {
			t.Errorf("shown %d after it recovered, failure %v", n, b.Failure())
		}
		if err := b.Close(context.Background()); err != nil || !s.Closed {
			t.Errorf("close: %v, store closed %v", err, s.Closed)
		}
		if n := storetest.EventsOf(viewOf(t, s), "ep"); n != 2 {
			t.Errorf("%d are stored", n)
		}
	})
}

func flush(t testing.TB, b *state.State) {
	t.Helper()
	if err := b.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// viewOf returns the view after a start on a store.
func viewOf(t testing.TB, s state.Store) *ledger.View {
	t.Helper()
	p := storetest.Policy()
	p.Hold = 0
	a, err := ledger.Load(func(rows ledger.Rows) error { return s.Load(context.Background(), rows) }, storetest.URL, p, false, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return a.View(time.Now())
}

func TestCloseWhileCommitsFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.NewDouble()
		b := open(t, s, storetest.Quiet{})
		s.Mu.Lock()
		s.Fail = func() error { return storetest.ErrDisk }
		s.Mu.Unlock()
		b.Do(func(a *ledger.Account) { storetest.Contact(a, time.Now(), "ep") })
		ctx, cancel := context.WithTimeout(context.Background(), 7*time.Second)
		defer cancel()
		began := time.Now()
		if err := b.Close(ctx); !errors.Is(err, storetest.ErrDisk) || errors.Is(err, context.DeadlineExceeded) || !s.Closed {
			t.Errorf("close: %v, store closed %v", err, s.Closed)
		}
		if took := time.Since(began); took != 7*time.Second {
			t.Errorf("took %v", took)
		}
		if err := b.Flush(context.Background()); err == nil {
			t.Error("Flush after Close claims that a lost change is durable")
		}
	})
}

// openHanging returns a state whose commit waits for its store's Pass.
func openHanging(t *testing.T) (*storetest.Double, *state.State) {
	t.Helper()
	s := storetest.NewDouble()
	b := open(t, s, storetest.Quiet{})
	s.Pass, s.Entered = make(chan struct{}), make(chan struct{}, 10)
	b.Do(func(a *ledger.Account) { storetest.Contact(a, time.Now(), "ep") })
	<-s.Entered
	return s, b
}

// The exporter calls the API for no more than a second while a commit hangs: a fault would
// lose all answers of that time.
func TestNotHealthyWhileACommitHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, b := openHanging(t)
		healthy := func(within time.Duration) error {
			ctx, cancel := context.WithTimeout(context.Background(), within)
			defer cancel()
			return b.Healthy(ctx)
		}
		for range 9 {
			if err := healthy(time.Nanosecond); err != nil {
				t.Fatalf("a commit that takes less than a second: %v", err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(100 * time.Millisecond)
		if err := healthy(time.Minute); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a commit that hangs: %v", err)
		}
		close(s.Pass)
		if err := healthy(time.Second); err != nil {
			t.Errorf("after the commit: %v", err)
		}
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// A commit that does not return is a failure of the state until it returns, as on a mount whose
// server is gone.
func TestHangingCommitIsAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, b := openHanging(t)
		time.Sleep(3 * time.Second)
		if err := b.Failure(); err != nil {
			t.Errorf("after 3s: %v", err)
		}
		time.Sleep(time.Second)
		if err := b.Failure(); err == nil || !strings.Contains(err.Error(), "does not answer") {
			t.Errorf("after 4s: %v", err)
		}
		close(s.Pass)
		flush(t, b)
		if err := b.Failure(); err != nil {
			t.Errorf("after the commit: %v", err)
		}
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// Close cancels a commit that hangs, as on a network store, and then gives up on it.
func TestCloseWhileACommitHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, b := openHanging(t)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		began := time.Now()
		if err := b.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close: %v", err)
		}
		if took := time.Since(began); took > time.Second+state.CloseWait {
			t.Errorf("took %v", took)
		}
	})
}

// deaf is a store whose commits ignore their context.
type deaf struct {
	*storetest.Double
	release chan struct{}
}

func (d deaf) Commit(ctx context.Context, b *ledger.Batch) error {
	if d.Commits > 0 {
		<-d.release
	}
	return d.Double.Commit(ctx, b)
}

func TestCloseDoesNotHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := deaf{storetest.NewDouble(), make(chan struct{})}
		b := open(t, s, storetest.Quiet{})
		b.Do(func(a *ledger.Account) { storetest.Contact(a, time.Now(), "ep") })
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		began := time.Now()
		if err := b.Close(ctx); err == nil || s.Closed {
			t.Errorf("close: %v; a store in use was closed: %v", err, s.Closed)
		}
		if took := time.Since(began); took != time.Second+state.CloseWait {
			t.Errorf("took %v", took)
		}
		close(s.release)
	})
}

func TestOpenFailsWhereNothingCanBeWritten(t *testing.T) {
	t.Parallel()
	s := storetest.NewDouble()
	s.Fail = func() error { return storetest.ErrDisk }
	if _, _, err := state.Open(context.Background(), s, storetest.URL, storetest.Policy(), storetest.Quiet{}); !errors.Is(err, storetest.ErrDisk) || !s.Closed {
		t.Errorf("error %v, store closed %v", err, s.Closed)
	}
}

// Whatever is shown at any moment is in the store, even if commits fail at random and
// transitions, views and waits run concurrently.
func TestShownIsDurableUnderLoad(t *testing.T) {
	t.Parallel()
	s := storetest.NewDouble()
	s.Fail = func() error {
		if s.Commits > 2 && rand.IntN(4) == 0 {
			return storetest.ErrDisk
		}
		return nil
	}
	b := open(t, s, storetest.Quiet{})
	ids := []string{"a", "b", "c"}
	b.Do(func(a *ledger.Account) { storetest.Contact(a, storetest.Epoch, ids...) })
	flush(t, b)
	const each = 60
	var writers, readers sync.WaitGroup
	for n, id := range ids {
		writers.Go(func() {
			for i := range each {
				b.Do(func(a *ledger.Account) { storetest.Happen(a, id, storetest.Epoch, storetest.HexID(n*1000+i)) })
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
				v := b.View(storetest.Epoch)
				for _, id := range ids {
					shown, kept := storetest.EventsOf(v, id), s.Value(id)
					if shown > kept || shown < most[id] {
						t.Errorf("%s is shown as %d, stored are %d, shown before %d", id, shown, kept, most[id])
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
		if n := storetest.EventsOf(b.View(storetest.Epoch), id); n != each {
			t.Errorf("%s: %d, want %d", id, n, each)
		}
	}
	if err := b.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// The window of an endpoint without news follows the clock of each scrape.
func TestViewHasItsOwnClock(t *testing.T) {
	t.Parallel()
	b := open(t, state.NewMemory(), storetest.Quiet{})
	defer b.Close(context.Background())
	b.Do(func(a *ledger.Account) {
		storetest.Contact(a, storetest.Epoch, "ep")
		storetest.Happen(a, "ep", storetest.Epoch, storetest.HexID(1))
		task, _ := a.Take(storetest.Epoch, func(ledger.Class) bool { return true })
		a.Answered(task, ledger.Answer{Responded: true, StatusCode: 500}, storetest.Epoch)
	})
	flush(t, b)
	for _, row := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {24*time.Hour - time.Second, 1}, {24 * time.Hour, 0}, {time.Hour, 1}} {
		v := b.View(storetest.Epoch.Add(row.after))
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
	s := state.NewMemory()
	b := open(t, s, storetest.Quiet{})
	b.Do(func(a *ledger.Account) { storetest.Contact(a, storetest.Epoch, "ep") })
	if err := b.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if v := viewOf(t, s); len(v.Endpoints) != 0 {
		t.Error(fmt.Sprint(v))
	}
}

// The window shows no outcome before the counters do.
func TestWindowIsNotShownBeforeItIsDurable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.NewDouble()
		b := open(t, s, storetest.Quiet{})
		b.Do(func(a *ledger.Account) {
			storetest.Contact(a, time.Now(), "ep")
			storetest.Happen(a, "ep", time.Now(), storetest.HexID(1), storetest.HexID(2))
		})
		flush(t, b)
		s.Mu.Lock()
		s.Fail = func() error { return storetest.ErrDisk }
		s.Mu.Unlock()
		for range 2 { // the failing batch and the next one
			b.Do(func(a *ledger.Account) {
				task, _ := a.Take(time.Now(), func(ledger.Class) bool { return true })
				a.Answered(task, ledger.Answer{Responded: true, StatusCode: 200}, time.Now())
			})
			synctest.Wait()
			for _, c := range b.View(time.Now()).Endpoints[0].Window {
				if c.Count != 0 {
					t.Errorf("%+v", c)
				}
			}
		}
		s.Mu.Lock()
		s.Fail = nil
		s.Mu.Unlock()
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// The state reports the failures of a commit once, before the first try.
func TestFailedIsReportedBeforeTheCommit(t *testing.T) {
	t.Parallel()
	s := storetest.NewDouble()
	b, _, err := state.Open(context.Background(), s, storetest.URL, storetest.Policy(), storetest.Quiet{})
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	tries := 0
	b.OnFailed(func(failed []ledger.FailedDelivery) {
		if tries > 0 {
			t.Error("reported after a try")
		}
		for _, f := range failed {
			told = append(told, f.EventID)
		}
	})
	s.Mu.Lock()
	s.Fail = func() error {
		if len(told) == 0 {
			return nil // the commit of the contact
		}
		if tries++; tries < 3 {
			return storetest.ErrDisk
		}
		return nil
	}
	s.Mu.Unlock()
	b.Do(func(a *ledger.Account) {
		a.List([]ledger.Found{{ID: "ep"}}, storetest.Epoch, storetest.Epoch)
		storetest.Read(t, a, "ep", storetest.Epoch, true)
		storetest.Read(t, a, "ep", storetest.Epoch, true, storetest.Item{ID: storetest.HexID(1), Type: storetest.Type, Created: storetest.Epoch.Unix()})
		storetest.AnswerAll(a, storetest.Epoch, ledger.Answer{Responded: true, StatusCode: 500})
	})
	if err := b.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || told[0] != storetest.HexID(1) || tries != 3 {
		t.Errorf("reported %v, %d tries", told, tries)
	}
}

// What ends a lead does not end the time in which the replica leaves the lease to others.
func TestUnfitTimeIsNotCutShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := open(t, storetest.NewShared().Store(), storetest.Quiet{})
		for _, unfit := range []time.Duration{time.Minute, 0, time.Second} {
			led := storetest.Lead(t, b)
			b.GiveBack(led, unfit)
			flush(t, b)
		}
		time.Sleep(time.Minute - time.Second)
		if !b.LastResort() {
			t.Error("the replica bids for the lease as if nothing had failed")
		}
		time.Sleep(time.Second)
		if b.LastResort() {
			t.Error("the replica leaves the lease to others for too long")
		}
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
