package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	startWait    = 30 * time.Second       // how long a start waits for the server of a shared state
	followEvery  = 500 * time.Millisecond // how far this process is behind the others while nobody asks
	beatEvery    = LeaseFor / 4
	beatLimit    = LeaseFor / 2
	askLimit     = 5 * time.Second  // of a claim, to the store
	reloadLimit  = 10 * time.Minute // of a load, however large the state is
	wentBackRest = 30 * time.Second // between looks at a state that went back
)

// LeaseFor is how long after its last beat a process still has its leases.
const LeaseFor = 5 * time.Second

// share is what a Book needs to share its state with other processes.
type share struct {
	store  Shared
	apiURL string
	ahead  atomic.Int64 // the common clock's lead over this machine's, in nanoseconds
	beats  sync.WaitGroup

	// Guarded by Book.mu.
	done     []Done            // reads that ended since the last batch
	orphans  map[string]uint64 // leases in the store that this process has no use for
	listing  Lease
	listed   ended
	claiming map[string]struct{} // names that a lease is being asked for
	asked    uint64              // calls of Refresh

	// Guarded by Book.state.
	followed uint64 // asked, as of the last follow that succeeded
	away     error  // why the last beat failed, nil while they succeed

	suspect atomic.Bool // the state may have gone back: look
	refused atomic.Bool // the state is not one to work on: others may have the leases
}

// ended is how a read ended, and when.
type ended struct {
	at time.Time
	ok bool
}

func (s *share) now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

// openShared opens a state that others may have open. It waits for the server for a
// while, and sets nothing aside.
func openShared(ctx context.Context, s Shared, apiURL string, policy Policy, w Watcher) (*Book, error) {
	sh := &share{store: s, apiURL: apiURL, orphans: make(map[string]uint64), claiming: make(map[string]struct{})}
	a, err := sh.first(ctx, policy)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	b := newBook(ctx, s, a, w)
	b.share = sh
	b.view.Store(a.view(sh.now()))
	go b.shares()
	sh.beats.Go(b.beats)
	return b, nil
}

// first loads the account, or makes it where there is none.
func (s *share) first(ctx context.Context, policy Policy) (*Account, error) {
	wait := backoff.ExponentialBackOff{InitialInterval: 100 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: 2 * time.Second}
	wait.Reset()
	patience := time.Now().Add(startWait)
	for {
		a, err := s.load(ctx, policy)
		if err == nil {
			if err = s.store.Commit(ctx, a.batch()); err == nil {
				return a, nil
			}
		}
		again := errors.Is(err, ErrOvertaken) || errors.Is(err, ErrUnreachable)
		if !again || time.Now().After(patience) {
			return nil, err
		}
		retry := time.NewTimer(wait.NextBackOff())
		select {
		case <-retry.C:
		case <-ctx.Done():
			retry.Stop()
			return nil, fmt.Errorf("%w, while waiting for: %w", ctx.Err(), err)
		}
	}
}

// load loads the account as it is now, by the common clock.
func (s *share) load(ctx context.Context, policy Policy) (*Account, error) {
	if err := s.beat(ctx); err != nil && !errors.Is(err, ErrOvertaken) {
		return nil, err
	}
	return load(ctx, s.store, s.apiURL, policy, s.now())
}

// beat tells the others that this process is alive, and sets the clock.
func (s *share) beat(ctx context.Context) error {
	began := time.Now()
	now, err := s.store.Beat(ctx)
	if err != nil {
		return err
	}
	middle := began.Add(time.Since(began) / 2)
	s.ahead.Store(int64(now.Sub(middle)))
	return nil
}

// beats keeps this process alive for the others until the book is closed.
func (b *Book) beats() {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-b.ctx.Done():
			return
		case <-tick.C:
		}
		if b.share.refused.Load() {
			continue
		}
		ctx, cancel := context.WithTimeout(b.ctx, beatLimit)
		err := b.share.beat(ctx)
		cancel()
		if errors.Is(err, ErrOvertaken) {
			b.share.suspect.Store(true)
			err = nil
		}
		b.state.Lock()
		was := b.share.away
		b.share.away = err
		b.state.Unlock()
		if was != nil || err != nil || b.share.suspect.Load() {
			b.wakeUp()
		}
	}
}

// shares is the committer of a shared state: it commits what this process has
// changed, and follows what others have. One after the other: what is shown is the
// state after a number of commits, never a mixture.
func (b *Book) shares() {
	defer close(b.done)
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	wait := backoff.ExponentialBackOff{InitialInterval: 200 * time.Millisecond, RandomizationFactor: 0.2, Multiplier: 2, MaxInterval: 5 * time.Second}
	wait.Reset()
	for {
		select {
		case <-b.ctx.Done():
			return
		case <-b.wake:
		case <-tick.C:
		}
		err := b.turn()
		for needsLoad(err) {
			err = b.reload(err)
		}
		if err == nil {
			wait.Reset()
			continue
		}
		if b.ctx.Err() == nil {
			b.watcher.CommitFailed(err)
			b.report(err, 0)
		}
		rest := time.NewTimer(wait.NextBackOff())
		select {
		case <-rest.C:
		case <-b.ctx.Done():
			rest.Stop()
		}
	}
}

// turn is one commit and one follow.
func (b *Book) turn() error {
	if b.share.suspect.Swap(false) {
		return fmt.Errorf("%w: this replica is not known to the state any more", ErrOvertaken)
	}
	b.mu.Lock()
	batch, seq, asked := b.account.batch(), b.applied, b.share.asked
	b.finish(batch)
	next := b.account.view(b.Now())
	b.mu.Unlock()
	if err := b.commit(batch); err != nil {
		return err
	}
	b.view.Store(next)
	b.mu.Lock()
	b.account.freed(batch)
	b.mu.Unlock()
	b.report(b.beatFailure(), seq)
	if err := b.follow(); err != nil {
		return err
	}
	b.state.Lock()
	b.share.followed = asked
	b.state.Unlock()
	b.report(b.beatFailure(), seq)
	return nil
}

// finish adds to a batch what the others are told. The caller holds b.mu.
func (b *Book) finish(batch *Batch) {
	s := b.share
	for _, d := range s.done {
		l := s.listing
		if d.Name != Listing {
			l = Lease{}
			if e, ok := b.account.endpoints[d.Name]; ok {
				l = e.lease
			}
		}
		if l.Fence == 0 {
			continue // lost: whoever has it now tells
		}
		batch.need(l)
		batch.Done = append(batch.Done, d)
		if d.Name == Listing {
			batch.free(l)
			s.listing = Lease{}
		}
	}
	s.done = nil
	b.account.free(batch, b.Now())
	for name, fence := range s.orphans {
		if _, ok := batch.Freed[name]; !ok {
			batch.free(Lease{name, fence})
		}
	}
	clear(s.orphans)
}

func (b *Book) beatFailure() error {
	b.state.Lock()
	defer b.state.Unlock()
	return b.share.away
}

// follow takes in what others have committed.
func (b *Book) follow() error {
	ctx, cancel := context.WithTimeout(b.ctx, reloadLimit)
	defer cancel()
	theirs, err := b.share.store.Follow(ctx)
	if err != nil || theirs == nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.account.follow(theirs); err != nil {
		return err
	}
	if b.handOn(theirs.Wanted) {
		b.wakeUp()
	}
	b.view.Store(b.account.followedView(b.view.Load(), b.Now()))
	return nil
}

// handOn gives leases back that others ask for, and reports whether there are any to
// give: what is being read is not, which the next look finds ended. One that nobody
// here knows of was granted in an answer that never came. The caller holds b.mu.
func (b *Book) handOn(wanted map[string]uint64) bool {
	some := false
	for name, fence := range wanted {
		known := name == Listing && b.share.listing.Fence != 0
		if e, ok := b.account.endpoints[name]; ok {
			known = e.lease.Fence != 0
		}
		switch {
		case known:
			some = b.account.yield(name, b.Now()) || some
		case !b.claims(name):
			b.share.orphans[name] = fence
			some = true
		}
	}
	return some
}

// reload loads the account anew. What was not durable is lost, and learned again. It
// refuses an older state, for as long as it is one.
func (b *Book) reload(cause error) error {
	if errors.Is(cause, ErrWentBack) || errors.Is(cause, ErrNewer) {
		b.report(cause, 0)
		b.share.refused.Store(true)
		rest := time.NewTimer(wentBackRest)
		defer rest.Stop()
		err := b.awaitEra(rest.C)
		b.share.refused.Store(false)
		if err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(b.ctx, reloadLimit)
	defer cancel()
	b.mu.Lock()
	policy, asked := b.account.policy, b.share.asked
	b.mu.Unlock()
	next, err := b.share.load(ctx, policy)
	if err != nil {
		b.share.suspect.Store(true) // the account is of no use: nothing may be committed of it
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.account
	if err := next.check(b.view.Load(), old.base.Era); err != nil {
		return err
	}
	next.adopt(old)
	for _, e := range old.endpoints {
		if e.lease.Fence != 0 {
			b.share.orphans[e.row.ID] = e.lease.Fence
		}
	}
	if l := b.share.listing; l.Fence != 0 {
		b.share.orphans[Listing] = l.Fence
		b.share.listing = Lease{}
	}
	b.share.done, b.share.listed = nil, ended{} // what they tell of may be lost
	b.account = next
	b.view.Store(next.view(b.Now()))
	b.state.Lock()
	b.loads++
	b.share.followed = asked
	b.state.Unlock()
	b.report(nil, b.applied)
	b.watcher.LoadedAnew(cause)
	b.wakeUp()
	return nil
}

// awaitEra waits until rest, or until the counters were reset, which makes an older
// state a good one.
func (b *Book) awaitEra(rest <-chan time.Time) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-rest:
			return nil
		case <-tick.C:
			if b.share.store.Renewed(b.ctx) {
				return nil
			}
		case <-b.ctx.Done():
			return b.ctx.Err()
		}
	}
}

// Refresh waits until what others had committed when it was called is taken in, or
// is known not to be had.
func (b *Book) Refresh(ctx context.Context) error {
	if b.share == nil {
		return nil
	}
	b.mu.Lock()
	b.share.asked++
	want := b.share.asked
	b.mu.Unlock()
	b.wakeUp()
	var failure error
	err := b.await(ctx, func() bool {
		failure = b.failure
		return b.share.followed >= want || failure != nil
	})
	if err != nil {
		return err
	}
	return failure
}

// Followed returns a channel that is closed when something of other processes may
// have been taken in; nil where there are none.
func (b *Book) Followed() <-chan struct{} {
	if b.share == nil {
		return nil
	}
	b.state.Lock()
	defer b.state.Unlock()
	return b.moved
}

// Turn asks for the right to work on endpoints, or on [Listing].
type Turn struct {
	Names []string
	Most  int       // of them
	Since time.Time // where not zero, nothing that was read since then
	Keep  bool      // until Finish, even where there is nothing to do
}

// Turns is the answer. What is in neither of its fields is being worked on by another
// process.
type Turns struct {
	Granted []string
	Read    map[string]bool // read since Turn.Since, by any process; whether with success
}

// Claim answers at once. In a state of this process's own everything is granted.
func (b *Book) Claim(ctx context.Context, t Turn) (Turns, error) {
	if b.share == nil {
		return Turns{Granted: t.Names[:min(len(t.Names), t.Most)]}, nil
	}
	turns := Turns{Read: make(map[string]bool)}
	b.mu.Lock()
	others := b.own(t, &turns)
	if len(turns.Granted) >= t.Most {
		others = nil
	}
	for _, name := range others {
		b.share.claiming[name] = struct{}{}
	}
	b.mu.Unlock()
	if len(others) == 0 {
		return turns, nil
	}
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, name := range others {
			delete(b.share.claiming, name)
		}
	}()
	ask, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	got, err := b.share.store.Claim(ask, Claim{Names: others, Most: t.Most - len(turns.Granted), Since: t.Since})
	if err != nil {
		return turns, err
	}
	maps.Copy(turns.Read, got.Done)
	if len(got.Leases) == 0 {
		return turns, nil
	}
	// What the one before has committed must be known here first.
	err = b.Refresh(ctx)
	b.enter(t, got.Leases, &turns, err)
	return turns, err
}

// enter makes leases known that the store has granted; with an error they are given
// back.
func (b *Book) enter(t Turn, leases []Lease, turns *Turns, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range leases {
		switch {
		case err != nil:
			b.share.orphans[l.Name] = l.Fence
			continue
		case l.Name == Listing:
			b.share.listing = l
		default:
			b.account.lease(l, b.Now())
			if t.Keep {
				b.account.Use(l.Name)
			}
		}
		turns.Granted = append(turns.Granted, l.Name)
	}
	b.applied++
	b.wakeUp()
}

// own answers for the names that this process has leases on, and returns the others
// as far as they are to be asked for. The caller holds b.mu.
func (b *Book) own(t Turn, turns *Turns) (others []string) {
	for _, name := range t.Names {
		var e *Endpoint
		last := b.share.listed
		if name != Listing {
			if e = b.account.endpoints[name]; e != nil {
				last = e.done
			}
		}
		switch {
		case !t.Since.IsZero() && (name == Listing || e != nil) && !last.at.Before(t.Since):
			turns.Read[name] = last.ok
		case name == Listing && b.share.listing.Fence != 0, e != nil && e.freeing:
			// It ends with a batch that is under way: soon.
		case b.claims(name):
		case e != nil && e.lease.Fence != 0:
			if len(turns.Granted) < t.Most {
				turns.Granted = append(turns.Granted, name)
				if t.Keep {
					b.account.Use(name)
				}
			}
		default:
			others = append(others, name)
		}
	}
	return others
}

// claims reports whether another goroutine is asking for a lease.
func (b *Book) claims(name string) bool {
	_, ok := b.share.claiming[name]
	return ok
}

// Finish ends what Claim began with Keep, and tells the others how it ended, once what
// was read is durable.
func (b *Book) Finish(name string, ok bool) {
	if b.share == nil {
		return
	}
	b.mu.Lock()
	now := ended{b.Now(), ok}
	if name == Listing {
		b.share.listed = now
	} else if e, known := b.account.endpoints[name]; known {
		e.done = now
		b.account.Unuse(name)
	}
	b.share.done = append(b.share.done, Done{name, ok})
	b.applied++
	b.mu.Unlock()
	b.wakeUp()
}

// Let ends what Claim began with Keep, and tells nobody.
func (b *Book) Let(names ...string) {
	if b.share == nil {
		return
	}
	b.mu.Lock()
	for _, name := range names {
		b.account.Unuse(name)
	}
	b.mu.Unlock()
	b.wakeUp()
}
