package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Book keeps an account and its store together: transitions happen in memory, a
// single committer makes them durable in batches, and only then is a new view
// shown. While a commit fails, the view stays what it was, and the same batch is
// tried until it succeeds. A Book is safe for concurrent use.
type Book struct {
	store   Store
	watcher Watcher
	failed  atomic.Pointer[func([]FailedDelivery)]
	share   *share // nil where the state is this process's own

	mu      sync.Mutex // guards account and applied
	account *Account
	applied uint64 // calls of Do

	view atomic.Pointer[View]
	wake chan struct{} // holds one element when there may be something to commit
	done chan struct{}

	ctx  context.Context // of every commit; it ends with Close
	stop context.CancelFunc

	state sync.Mutex // guards what follows
	moved chan struct{}
	// durable is the highest applied of which everything is durable; failure is
	// why the last commit failed, nil while commits succeed.
	durable uint64
	failure error
	saved   time.Time // when all was well with the state for the last time
	loads   uint64    // times that the account was loaded anew
}

// Watcher is told of every commit. Its methods must not call the Book.
type Watcher interface {
	Committed(took time.Duration)
	CommitFailed(err error)

	// LoadedAnew tells that the account of a shared state was loaded anew, and why.
	LoadedAnew(cause error)

	// Waiting tells that a start waits for the server of a shared state.
	Waiting(cause error)
}

// Opening tells how a book came to be.
type Opening struct {
	SetAside string // where unreadable content was moved, "" if there was none
	Cause    error  // why it was unreadable
	Soon     bool   // the start before was within Policy.Hold
}

// Open loads the account of an API URL from a store. Unreadable content is set
// aside; every other failure leaves the store as it is.
func Open(ctx context.Context, s Store, apiURL string, policy Policy, w Watcher) (*Book, Opening, error) {
	if shared, ok := s.(Shared); ok {
		b, err := openShared(ctx, shared, apiURL, policy, w)
		return b, Opening{}, err
	}
	var how Opening
	a, err := load(ctx, s, apiURL, policy, time.Now())
	if errors.Is(err, ErrUnreadable) {
		how.Cause = err
		if how.SetAside, err = s.SetAside(time.Now()); err != nil {
			return nil, how, fmt.Errorf("%w; it could not be set aside: %w", how.Cause, errors.Join(err, s.Close()))
		}
		a = NewAfter(apiURL, policy, time.Now())
	}
	if err != nil {
		return nil, how, errors.Join(err, s.Close())
	}
	a.Pin()
	how.Soon = a.Started(time.Now())
	batch := a.Batch()
	if err := s.Commit(ctx, batch); err != nil {
		return nil, how, errors.Join(fmt.Errorf("write state: %w", err), s.Close())
	}
	b := newBook(ctx, s, a, w, time.Now())
	go b.commits()
	return b, how, nil
}

// load builds an account from the rows of a store, and a new account where the store holds
// none.
func load(ctx context.Context, s Store, apiURL string, policy Policy, now time.Time) (*Account, error) {
	_, shared := s.(Shared)
	return Load(func(rows Rows) error { return s.Load(ctx, rows) }, apiURL, policy, shared, now)
}

// newBook returns the book of an account that is in the store as it is. Its
// committer does not run yet.
func newBook(ctx context.Context, s Store, a *Account, w Watcher, now time.Time) *Book {
	b := &Book{
		store: s, watcher: w, account: a,
		wake: make(chan struct{}, 1), done: make(chan struct{}), moved: make(chan struct{}),
		saved: time.Now(),
	}
	b.ctx, b.stop = context.WithCancel(context.WithoutCancel(ctx))
	b.view.Store(a.View(now))
	return b
}

// Now returns the clock that transitions go by: this machine's, or where the state is
// shared the one that all who share it go by.
func (b *Book) Now() time.Time {
	if b.share == nil {
		return time.Now()
	}
	return b.share.now()
}

// OnFailed sets what is told of the failed deliveries that a commit counts: once for
// each batch, before the first try, so that who is killed in between may be told again
// and is never not told. The commit waits for report, which must not call the Book.
func (b *Book) OnFailed(report func([]FailedDelivery)) { b.failed.Store(&report) }

// Do applies transitions. What they change is shown once it is durable; Flush
// waits for that.
func (b *Book) Do(transition func(*Account)) {
	b.mu.Lock()
	transition(b.account)
	b.applied++
	b.mu.Unlock()
	b.wakeUp()
}

// wakeUp tells the committer that there may be something to do.
func (b *Book) wakeUp() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Look runs what changes nothing that is stored: questions, and handing out work.
func (b *Book) Look(question func(*Account)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	question(b.account)
}

// Flush waits until everything that was done before is durable. It returns
// [ErrOvertaken] where the account was loaded anew in the meantime, so that some of it
// may be lost: it will be learned again.
func (b *Book) Flush(ctx context.Context) error {
	b.mu.Lock()
	want := b.applied
	loads := b.countLoads()
	b.mu.Unlock()
	calm := b.hurry()
	defer calm()
	if err := b.await(ctx, func() bool { return b.durable >= want }); err != nil {
		return err
	}
	if b.countLoads() != loads {
		return ErrOvertaken
	}
	return nil
}

// hurry makes the committer of a shared state wait for nothing until the returned
// function is called.
func (b *Book) hurry() (done func()) {
	if b.share == nil {
		return func() {}
	}
	add := func(n int) {
		b.state.Lock()
		defer b.state.Unlock()
		b.share.flushing += n
	}
	add(1)
	b.wakeUp()
	return func() { add(-1) }
}

func (b *Book) countLoads() uint64 {
	b.state.Lock()
	defer b.state.Unlock()
	return b.loads
}

// Healthy waits until the last commit has succeeded. A state that went back is worked on:
// that is what mends it.
func (b *Book) Healthy(ctx context.Context) error {
	return b.await(ctx, func() bool { return b.failure == nil || errors.Is(b.failure, ErrWentBack) })
}

// Failure returns why the last commit failed, or the shared state cannot be reached;
// nil while all is well.
func (b *Book) Failure() error {
	b.state.Lock()
	defer b.state.Unlock()
	return b.failure
}

func (b *Book) await(ctx context.Context, reached func() bool) error {
	for {
		b.state.Lock()
		ok, moved := reached(), b.moved
		b.state.Unlock()
		if ok {
			return nil
		}
		select {
		case <-moved:
		case <-b.done:
			return b.settled(reached)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// errClosed is returned for what needs a book that is open.
var errClosed = errors.New("the ledger is closed")

// settled is await for a book that is closed.
func (b *Book) settled(reached func() bool) error {
	b.state.Lock()
	defer b.state.Unlock()
	if !reached() {
		return errClosed
	}
	return nil
}

// View returns what is durable, its windows as the clock now has them. An
// endpoint that changed since is shown as it was.
func (b *Book) View(now time.Time) *View {
	v := b.view.Load()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.share != nil && b.share.heal != nil {
		return v
	}
	return b.account.AsOf(v, now)
}

// Size returns how many bytes the state takes.
func (b *Book) Size() int64 { return b.store.Size() }

// closeWait is how long Close waits for a commit that does not return.
const closeWait = 2 * time.Second

// Close makes what was done durable, as long as ctx lasts, and closes the store. Its
// error wraps why the last commit failed, and that of ctx only where none has failed. It
// is called once.
func (b *Book) Close(ctx context.Context) error {
	err := b.unwritten(b.Flush(ctx))
	b.stop()
	late := time.NewTimer(closeWait)
	defer late.Stop()
	select {
	case <-b.done:
		return cmp.Or(err, b.store.Close())
	case <-late.C: // the store is in use, and no one may close it
		return cmp.Or(err, errors.New("the state does not answer"))
	}
}

// unwritten says what is lost where the last flush has failed, and why: that its time was
// over is no cause.
func (b *Book) unwritten(err error) error {
	b.state.Lock()
	defer b.state.Unlock()
	if err == nil || b.failure == nil {
		return err
	}
	return fmt.Errorf("what happened since %s was not counted and the next start asks for it again, the state could not be written: %w",
		b.saved.UTC().Format(time.RFC3339), b.failure)
}

// commits is the committer.
func (b *Book) commits() {
	defer close(b.done)
	for {
		select {
		case <-b.ctx.Done():
			return
		case <-b.wake:
		}
		b.mu.Lock()
		batch, seq := b.account.Batch(), b.applied
		next := b.account.View(time.Now())
		b.mu.Unlock()
		if b.commit(batch) != nil {
			return
		}
		b.view.Store(next)
		b.report(nil, seq)
	}
}

// commit tries a batch until it is durable. Its error says that the book was closed
// before that, or that the account must be loaded anew.
func (b *Book) commit(batch *Batch) error {
	if batch.Empty() {
		return nil
	}
	if report := b.failed.Load(); report != nil && len(batch.Failed) > 0 {
		(*report)(batch.Failed)
	}
	wait := backoff.ExponentialBackOff{InitialInterval: 100 * time.Millisecond, RandomizationFactor: 0.2, Multiplier: 2, MaxInterval: 5 * time.Second}
	wait.Reset()
	for {
		began := time.Now()
		err := b.store.Commit(b.ctx, batch)
		if err == nil {
			b.watcher.Committed(time.Since(began))
			return nil
		}
		if needsLoad(err) {
			return err
		}
		b.watcher.CommitFailed(err)
		b.report(err, 0)
		retry := time.NewTimer(wait.NextBackOff())
		select {
		case <-retry.C:
		case <-b.ctx.Done():
			retry.Stop()
			return b.ctx.Err()
		}
	}
}

// report notes how the last commit ended and wakes those who wait.
func (b *Book) report(err error, durable uint64) {
	b.state.Lock()
	defer b.state.Unlock()
	b.failure = err
	if err == nil {
		b.saved = time.Now()
	}
	b.durable = max(b.durable, durable)
	close(b.moved)
	b.moved = make(chan struct{})
}

// needsLoad reports whether an error of a shared store means that what is in memory
// is of no use any more.
func needsLoad(err error) bool {
	return errors.Is(err, ErrOvertaken) || errors.Is(err, ErrWentBack) || errors.Is(err, ErrNewer)
}
