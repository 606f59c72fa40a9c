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
	"omegastream_exporter/internal/wait"
)

// State keeps an account and its store together. Transitions happen in memory, a single
// committer makes them durable in batches, and only then shows a new view. While commits
// fail, the view does not change, and the same batch is retried until it succeeds. A State is
// safe for concurrent use.
type State struct {
	store   Store
	watcher Watcher
	failed  atomic.Pointer[func([]ledger.FailedDelivery)]
	replica *replica // nil if the state is not shared
	clock   clockWatch

	mu      sync.Mutex // guards account and applied
	account *ledger.Account
	applied uint64 // number of calls of Do

	view atomic.Pointer[ledger.View]
	wake chan struct{} // has one element when there may be something to commit
	done chan struct{}

	ctx  context.Context // of all commits; ends with Close
	stop context.CancelFunc

	known sync.Mutex // guards what follows
	moved chan struct{}
	// durable is the highest value of applied whose changes are all durable. failure is why
	// the last commit failed; nil while commits succeed.
	durable uint64
	failure error
	sending time.Time // start of the commit under way; zero if there is none
	saved   time.Time // when the state was last known to be durable
	loads   uint64    // how often the account was loaded again
}

// Watcher observes every commit. Its methods must not call the State.
type Watcher interface {
	Committed(took time.Duration)
	CommitFailed(err error)

	// LoadedAnew is called when the account of a shared state was loaded again, with the
	// reason.
	LoadedAnew(cause error)

	// Waiting is called while a start waits for the server of a shared state.
	Waiting(cause error)
}

// Opening describes how a state was opened.
type Opening struct {
	SetAside string // where the unreadable state was moved; "" if there was none
	Cause    error  // why it was unreadable
	Soon     bool   // the previous start was within Policy.Hold
}

// Open loads the account of an API URL from a store. It sets unreadable content aside; on any
// other failure the store does not change.
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

// load builds an account from the rows of a store, or a new account for an empty store.
func load(ctx context.Context, s Store, apiURL string, policy ledger.Policy, now time.Time) (*ledger.Account, error) {
	_, shared := s.(SharedStore)
	return ledger.Load(func(rows ledger.Rows) error { return s.Load(ctx, rows) }, apiURL, policy, shared, now)
}

// newState returns the state of an account, which is in the store already. Its committer does
// not run yet.
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

// Now returns the clock for transitions: this machine's, or the common one of a shared state.
func (st *State) Now() time.Time {
	here := time.Now()
	now := here
	if st.replica != nil {
		now = st.replica.clock.at(here)
	}
	st.clock.see(now, here)
	return now
}

// OnFailed sets the function that reports the failed deliveries of a commit. It is called
// once for each batch, before the first attempt. After a kill in between, a failure can be
// reported twice, but none is missed. The commit waits for report, which must not call the
// State.
func (st *State) OnFailed(report func([]ledger.FailedDelivery)) { st.failed.Store(&report) }

// Do applies transitions. Their changes are shown when they are durable, for which Flush
// waits.
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
func (st *State) wakeUp() { wait.Wake(st.wake) }

// Look runs a function that changes nothing stored: it reads, or takes tasks.
func (st *State) Look(question func(*ledger.Account)) {
	st.mu.Lock()
	defer st.mu.Unlock()
	question(st.account)
}

// Flush waits until everything done before is durable. It returns [ledger.ErrOvertaken] if
// the account was loaded again meanwhile: parts can be lost, and are then read again.
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

// hurry makes the committer of a shared state wait for nothing, until the returned function
// is called.
func (st *State) hurry() (done func()) {
	if st.replica == nil {
		return func() {}
	}
	add := func(n int) {
		st.known.Lock()
		defer st.known.Unlock()
		st.replica.flushing += n
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

// slowCommit is how long a commit can take before Healthy waits for it. A fault meanwhile
// loses the answers of that time.
const slowCommit = time.Second

// Healthy waits until the last commit has succeeded, and for a commit under way that is slow.
// It does not wait for a state that went back, which only heals with more work.
func (st *State) Healthy(ctx context.Context) error {
	return st.await(ctx, func() bool {
		slow := !st.sending.IsZero() && time.Since(st.sending) >= slowCommit
		return !slow && (st.failure == nil || errors.Is(st.failure, ledger.ErrWentBack))
	})
}

// sends records that a commit is under way, until the returned function is called. Another
// replica can show it before this one knows that it is durable.
func (st *State) sends() (done func()) {
	st.known.Lock()
	defer st.known.Unlock()
	st.sending = time.Now()
	return func() {
		st.known.Lock()
		defer st.known.Unlock()
		st.sending = time.Time{}
		st.move()
	}
}

// hangingCommit is how long a commit can take before it counts as failed. A sync waits a little
// longer for it.
const hangingCommit = 4 * time.Second

// errHangs is the failure while a commit does not return. Commits of a shared state have time
// limits of their own.
var errHangs = fmt.Errorf("a commit has not returned for more than %v: the disk does not answer", hangingCommit)

// Failure returns why the last commit failed, or does not return, or why the shared state is
// unreachable; nil otherwise.
func (st *State) Failure() error {
	st.known.Lock()
	defer st.known.Unlock()
	if st.failure == nil && st.replica == nil && !st.sending.IsZero() && time.Since(st.sending) >= hangingCommit {
		return errHangs
	}
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

// errClosed is returned for operations that need an open state.
var errClosed = errors.New("the state is closed")

// settled is await for a closed state.
func (st *State) settled(reached func() bool) error {
	st.known.Lock()
	defer st.known.Unlock()
	if !reached() {
		return errClosed
	}
	return nil
}

// View returns what is durable, with its windows as of now. Endpoints that have changed since
// the last commit are shown unchanged.
func (st *State) View(now time.Time) *ledger.View {
	v := st.view.Load()
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.replica != nil && st.replica.heal != nil {
		return v
	}
	return st.account.AsOf(v, now)
}

// Size returns the size of the state in bytes.
func (st *State) Size() int64 { return st.store.Size() }

// closeWait is how long Close waits for a commit that hangs.
const closeWait = 2 * time.Second

// Close makes everything durable until ctx ends, and closes the store. Its error wraps why
// the last commit failed, or the error of ctx if none failed. Call it once.
func (st *State) Close(ctx context.Context) error {
	err := st.unwritten(st.Flush(ctx))
	st.stop()
	late := time.NewTimer(closeWait)
	defer late.Stop()
	select {
	case <-st.done:
		return cmp.Or(err, st.store.Close())
	case <-late.C: // the store is in use and must not be closed
		return cmp.Or(err, errors.New("the state does not answer"))
	}
}

// unwritten returns an error that says what is lost, and why the last flush failed. That time
// ran out is not a reason.
func (st *State) unwritten(err error) error {
	st.known.Lock()
	defer st.known.Unlock()
	if err == nil || st.failure == nil {
		return err
	}
	return fmt.Errorf("what happened since %s was not counted and the next start asks for it again, the state could not be written: %w",
		st.saved.UTC().Format(time.RFC3339), st.failure)
}
