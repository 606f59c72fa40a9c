package syncer

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/wait"
)

const (
	longestInterval = time.Minute      // between turns while syncs fail
	longTurn        = 10 * time.Second // a scrape that comes later than this in a turn wants the next one
)

// API is what a Syncer needs of a client.Client.
type API interface {
	// ListEndpoints returns the account's endpoints.
	ListEndpoints(ctx context.Context) (client.EndpointList, error)

	// ListEvents returns an endpoint's list of events as a stream, which the
	// caller reads to its end or closes.
	ListEvents(ctx context.Context, endpointID string) (*client.EventList, error)

	// GetEvent returns one event with its response.
	GetEvent(ctx context.Context, endpointID, eventID string) (client.Event, error)
}

// Observer is told what a Syncer does. Its methods are called from many goroutines at
// once and must return quickly.
type Observer interface {
	// Synced is called at the end of each sync.
	Synced(r Result, took time.Duration)

	// Invalid is called with the number of elements of an answer that made no sense,
	// which is over 0.
	Invalid(op client.Operation, n int)
}

// Options are the settings of a Syncer.
type Options struct {
	// URLDetail says how much to show of the URLs in the state. It should be the client's.
	// Empty means URLHost.
	URLDetail client.URLDetail

	// Pinned says that the endpoints were named by flags: the account's listing
	// is then for metadata only, and its failure is no error.
	Pinned bool

	// MinInterval is how long after the start of a turn scrapes share it. Zero
	// means never; while syncs fail it doubles, up to a minute.
	MinInterval time.Duration

	// Concurrency is how many details are asked for at a time, and half of how many
	// lists are. Zero means client.DefaultConcurrency.
	Concurrency int

	// RateLimit is the client's, in requests a second; a tenth of it may go to
	// failures that might have been retried. Zero means none.
	RateLimit float64

	// Observer counts. Nil means none.
	Observer Observer

	// Logger gets what goes wrong, once where it begins and once where it ends.
	// Nil discards it.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observer == nil {
		o.Observer = noObserver{}
	}
	if o.Concurrency == 0 {
		o.Concurrency = client.DefaultConcurrency
	}
	return o
}

type noObserver struct{}

func (noObserver) Synced(Result, time.Duration)  {}
func (noObserver) Invalid(client.Operation, int) {}

// Syncer runs one sync at a time, however many scrapes ask for it, and fetches the
// details of events. It is safe for concurrent use.
//
// A turn is a pass over all endpoints. Most often one sync makes it; one that takes very
// long is ended with what it has, and the next goes on at once.
type Syncer struct {
	ctx      context.Context // a sync outlives the scrape that started it
	stop     context.CancelFunc
	api      API
	state    *state.State
	opts     Options
	problems *problems
	overflow overflow
	fetcher  *fetcher
	running  sync.WaitGroup

	mu        sync.Mutex
	done      chan struct{} // closed at the end of the running sync, nil between turns
	began     time.Time     // the last turn
	turn      time.Duration // how long the last turn took that reached all endpoints
	again     bool          // a scrape during the turn would have begun one of its own
	ended     time.Time     // the last sync
	every     time.Duration // between its end and the end before; zero before there are two
	took      time.Duration // the same
	result    Result        // the same
	failures  int           // syncs that failed in a row
	listing   listing
	reads     map[string]*read // under way, perhaps since an earlier sync
	pausing   map[string]bool  // lists that answered their last read with a pause for all calls
	cutShort  bool             // the last turn took several syncs
	announced bool             // the log says which account this is
	vetting   vetting
}

// New returns a Syncer that asks api and keeps what it learns in state. Close stops what
// it starts.
func New(api API, st *state.State, o Options) *Syncer {
	o = o.withDefaults()
	s := &Syncer{
		api: api, state: st, opts: o, problems: newProblems(o.Logger), overflow: overflow{log: o.Logger},
		listing: newListing(o), reads: make(map[string]*read), pausing: make(map[string]bool),
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.fetcher = newFetcher(s.ctx, api, st, s.problems, o)
	st.Do(func(a *ledger.Account) { a.ReduceURLs(o.URLDetail.ReduceShown) })
	s.running.Go(func() { s.fetcher.run(s.ctx) })
	if st.Shared() {
		s.running.Go(s.serve)
	}
	return s
}

// Start begins a first turn that no scrape has asked for. It waits for nothing.
func (s *Syncer) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin(time.Now())
}

// Wait begins a turn, joins the running one, or shares the last one where that began a
// moment ago. It waits for the end of its sync and for the details of the new events that
// it found, and reports whether both came before the end of ctx.
func (s *Syncer) Wait(ctx context.Context) bool {
	end := s.state.Watch()
	defer end()
	began := time.Now()
	for {
		s.mu.Lock()
		now := time.Now()
		switch age := now.Sub(s.began); {
		case s.done == nil && (s.began.IsZero() || age >= s.interval()):
			s.begin(now)
		case s.done != nil && age >= max(s.interval(), longTurn):
			s.again = true
		}
		done := s.done // nil where the last turn is shared
		s.mu.Unlock()
		if done != nil {
			select {
			case <-done:
			case <-ctx.Done():
				return false
			}
		}
		err := s.state.Await(ctx, began)
		if err == nil {
			break
		}
		if !errors.Is(err, state.ErrFollows) {
			return false
		}
	}
	s.followed()
	return s.fetcher.caughtUp(ctx)
}

// begin begins a turn unless one runs. The caller holds s.mu.
func (s *Syncer) begin(now time.Time) {
	if s.done != nil || s.ctx.Err() != nil {
		return
	}
	s.done, s.began = make(chan struct{}), now
	s.running.Go(s.syncs)
}

// syncs runs one sync after the other for as long as there is a reason for the next:
// endpoints that were left, or a scrape that came late in a long turn.
func (s *Syncer) syncs() {
	var before *pass
	for again := true; again; {
		led, ctx := s.lead()
		if led == nil {
			s.leave()
			s.vet()
			return
		}
		began := time.Now()
		p := s.sync(ctx, led, before)
		again = s.end(p, began)
		if before = p; !p.goesOn() {
			before = nil
		}
	}
}

// endedAt notes when the last sync ended, of this replica or another. The Syncer is locked.
func (s *Syncer) endedAt(at time.Time) {
	if !s.ended.IsZero() && at.After(s.ended) {
		s.every = at.Sub(s.ended)
	}
	s.ended = at
}

// end notes the end of a sync and wakes those who wait for it. It reports whether
// another one is to follow at once.
func (s *Syncer) end(p *pass, began time.Time) (again bool) {
	now, result := time.Now(), p.result()
	s.mu.Lock()
	s.endedAt(now)
	s.took, s.result = now.Sub(began), result
	s.failures = s.failuresAfter(result)
	again = p.goesOn()
	if !again {
		if result != Failed {
			s.turn = now.Sub(s.began)
		}
		if again = s.again && s.ctx.Err() == nil; again {
			s.began = now
		}
		s.again = false
	}
	done := s.done
	s.done = nil
	if again {
		s.done = make(chan struct{})
	}
	s.mu.Unlock()
	s.opts.Observer.Synced(result, now.Sub(began))
	s.announce(p)
	close(done)
	s.fetcher.moved.notify() // what is waited for may have gone with its endpoint
	return again
}

// failuresAfter returns how many syncs in a row have failed with one more. The caller holds
// s.mu.
func (s *Syncer) failuresAfter(result Result) int {
	if result == Failed {
		return s.failures + 1
	}
	return 0
}

// interval is how long a turn is shared from its beginning. The caller holds s.mu.
func (s *Syncer) interval() time.Duration { return s.intervalAfter(s.failures) }

func (s *Syncer) intervalAfter(failures int) time.Duration {
	interval := s.opts.MinInterval
	for range failures {
		if interval >= longestInterval {
			break
		}
		interval = min(2*interval, longestInterval)
	}
	return interval
}

// Every syncs without being asked, each time so long after the last sync, until ctx
// ends: for the demo.
func (s *Syncer) Every(ctx context.Context, interval time.Duration) {
	for {
		s.Wait(ctx)
		if wait.For(ctx, interval) != nil {
			return
		}
	}
}

// Close stops syncs and the fetcher and waits for them, as long as ctx lasts. The state is
// left open.
func (s *Syncer) Close(ctx context.Context) error {
	s.mu.Lock() // no turn begins after this
	s.stop()
	s.mu.Unlock()
	s.problems.close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.running.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
