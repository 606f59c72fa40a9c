package state

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"omegastream_exporter/internal/ledger"
)

// State keeps an account and its store together: transitions happen in memory, a
// single committer makes them durable in batches, and only then is a new view
// shown. While a commit fails, the view stays what it was, and the same batch is
// tried until it succeeds. A State is safe for concurrent use.
type State struct {
	store   Store
	watcher Watcher
	failed  atomic.Pointer[func([]ledger.FailedDelivery)]
	share   *share // nil where the state is this process's own
	clock   clockWatch

	mu      sync.Mutex // guards account and applied
	account *ledger.Account
	applied uint64 // calls of Do

	view atomic.Pointer[ledger.View]
	wake chan struct{} // holds one element when there may be something to commit
	done chan struct{}

	ctx  context.Context // of every commit; it ends with Close
	stop context.CancelFunc

	known sync.Mutex // guards what follows
	moved chan struct{}
	// durable is the highest value of applied up to which all changes are durable; failure is
	// why the last commit failed, nil while commits succeed.
	durable uint64
	failure error
	saved   time.Time // when all was well with the state for the last time
	loads   uint64    // times that the account was loaded anew
}

// Watcher observes every commit. Its methods must not call the State.
type Watcher interface {
	Committed(took time.Duration)
	CommitFailed(err error)

	// LoadedAnew is called when the account of a shared state was loaded anew, with the
	// reason.
	LoadedAnew(cause error)

	// Waiting is called while a start waits for the server of a shared state.
	Waiting(cause error)
}

// Opening says how a state was opened.
type Opening struct {
	SetAside string // where unreadable content was moved, "" if there was none
	Cause    error  // why it was unreadable
	Soon     bool   // the start before was within Policy.Hold
}

// Open loads the account of an API URL from a store. Unreadable content is set
// aside; every other failure leaves the store as it is.
func Open(ctx context.Context, s Store, apiURL string, policy ledger.Policy, w Watcher) (*State, Opening, error) {
	if shared, ok := s.(SharedStore); ok {
		st, err := openShared(ctx, shared, apiURL, policy, w)
		return st, Opening{}, err
	}
	var how Opening
	a, err := load(ctx, s, apiURL, policy, time.Now())
	if errors.Is(err, ledger.ErrUnreadable) {
		how.Cause = err
		if how.SetAside, err = s.SetAside(time.Now()); err != nil {
			return nil, how, fmt.Errorf("%w; it could not be set aside: %w", how.Cause, errors.Join(err, s.Close()))
		}
		a = ledger.NewAfter(apiURL, policy, time.Now())
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
	st := newState(ctx, s, a, w, time.Now())
	go st.commits()
	return st, how, nil
}

// load builds an account from the rows of a store, and a new account where the store holds
// none.
func load(ctx context.Context, s Store, apiURL string, policy ledger.Policy, now time.Time) (*ledger.Account, error) {
	_, shared := s.(SharedStore)
	return ledger.Load(func(rows ledger.Rows) error { return s.Load(ctx, rows) }, apiURL, policy, shared, now)
}

// newState returns the state of an account that is in the store as it is. Its
// committer does not run yet.
func newState(ctx context.Context, s Store, a *ledger.Account, w Watcher, now time.Time) *State {
	st := &State{
		store: s, watcher: w, account: a,
		wake: make(chan struct{}, 1), done: make(chan struct{}), moved: make(chan struct{}),
		saved: time.Now(),
	}
	st.ctx, st.stop = context.WithCancel(context.WithoutCancel(ctx))
	st.view.Store(a.View(now))
	return st
}

// Now returns the clock that transitions go by: this machine's, or where the state is
// shared the one that all who share it go by.
func (st *State) Now() time.Time {
	here := time.Now()
	now := here
	if st.share != nil {
		now = st.share.clock.at(here)
	}
	st.clock.see(now, here)
	return now
}

// OnFailed sets the function that reports the failed deliveries of a commit. It is called
// once for each batch, before the first attempt: after a kill in between, a failure can be
// reported twice, but none is missed. The commit waits for report, which must not call the
// State.
func (st *State) OnFailed(report func([]ledger.FailedDelivery)) { st.failed.Store(&report) }

// Do applies transitions. Their changes are shown once they are durable; Flush waits for
// that.
func (st *State) Do(transition func(*ledger.Account)) {
	st.mu.Lock()
	if at := st.clock.lastSet(); !at.IsZero() {
		st.account.ClockSet(at)
	}
	transition(st.account)
	st.applied++
	st.mu.Unlock()
	st.wakeUp()
}

// wakeUp wakes the committer, in case there is something to do.
func (st *State) wakeUp() {
	select {
	case st.wake <- struct{}{}:
	default:
	}
}

// Look runs a function that changes nothing that is stored: it asks, or takes work.
func (st *State) Look(question func(*ledger.Account)) {
	st.mu.Lock()
	defer st.mu.Unlock()
	question(st.account)
}

// Flush waits until everything that was done before is durable. It returns
// [ledger.ErrOvertaken] if the account was loaded anew in the meantime: some of it can be
// lost, and is then learned again.
func (st *State) Flush(ctx context.Context) error {
	st.mu.Lock()
	want := st.applied
	loads := st.countLoads()
	st.mu.Unlock()
	calm := st.hurry()
	defer calm()
	if err := st.await(ctx, func() bool { return st.durable >= want }); err != nil {
		return err
	}
	if st.countLoads() != loads {
		return ledger.ErrOvertaken
	}
	return nil
}

// hurry makes the committer of a shared state wait for nothing until the returned
// function is called.
func (st *State) hurry() (done func()) {
	if st.share == nil {
		return func() {}
	}
	add := func(n int) {
		st.known.Lock()
		defer st.known.Unlock()
		st.share.flushing += n
	}
	add(1)
	st.wakeUp()
	return func() { add(-1) }
}

func (st *State) countLoads() uint64 {
	st.known.Lock()
	defer st.known.Unlock()
	return st.loads
}

// Healthy waits until the last commit has succeeded. It does not wait for a state that went
// back, because more work is what mends that.
func (st *State) Healthy(ctx context.Context) error {
	return st.await(ctx, func() bool { return st.failure == nil || errors.Is(st.failure, ledger.ErrWentBack) })
}

// Failure returns why the last commit failed, or the shared state cannot be reached;
// nil while all is well.
func (st *State) Failure() error {
	st.known.Lock()
	defer st.known.Unlock()
	return st.failure
}

// move wakes those who wait for a change of what known guards. The caller holds known.
func (st *State) move() {
	close(st.moved)
	st.moved = make(chan struct{})
}

func (st *State) await(ctx context.Context, reached func() bool) error {
	for {
		st.known.Lock()
		ok, moved := reached(), st.moved
		st.known.Unlock()
		if ok {
			return nil
		}
		select {
		case <-moved:
		case <-st.done:
			return st.settled(reached)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// errClosed is returned for what needs a state that is open.
var errClosed = errors.New("the state is closed")

// settled is await for a state that is closed.
func (st *State) settled(reached func() bool) error {
	st.known.Lock()
	defer st.known.Unlock()
	if !reached() {
		return errClosed
	}
	return nil
}

// View returns what is durable, with its windows as of now. An endpoint that has changed
// since the last commit is shown as it was.
func (st *State) View(now time.Time) *ledger.View {
	v := st.view.Load()
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.share != nil && st.share.heal != nil {
		return v
	}
	return st.account.AsOf(v, now)
}

// Size returns how many bytes the state takes.
func (st *State) Size() int64 { return st.store.Size() }

// closeWait is how long Close waits for a commit that does not return.
const closeWait = 2 * time.Second

// Close makes what was done durable, as long as ctx lasts, and closes the store. Its
// error wraps why the last commit failed, and that of ctx only where none has failed. It
// is called once.
func (st *State) Close(ctx context.Context) error {
	err := st.unwritten(st.Flush(ctx))
	st.stop()
	late := time.NewTimer(closeWait)
	defer late.Stop()
	select {
	case <-st.done:
		return cmp.Or(err, st.store.Close())
	case <-late.C: // the store is in use, and no one may close it
		return cmp.Or(err, errors.New("the state does not answer"))
	}
}

// unwritten says what is lost where the last flush has failed, and why: that its time was
// over is no cause.
func (st *State) unwritten(err error) error {
	st.known.Lock()
	defer st.known.Unlock()
	if err == nil || st.failure == nil {
		return err
	}
	return fmt.Errorf("what happened since %s was not counted and the next start asks for it again, the state could not be written: %w",
		st.saved.UTC().Format(time.RFC3339), st.failure)
}
