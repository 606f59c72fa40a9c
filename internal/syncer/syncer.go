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
	longTurn        = 10 * time.Second // a scrape that comes later in a turn waits for the next one
)

// API is the part of client.Client that a Syncer needs.
type API interface {
	// ListEndpoints returns the account's endpoints.
	ListEndpoints(ctx context.Context) (client.EndpointList, error)

	// ListEvents returns an endpoint's list of events as a stream, which the caller must read
	// to its end or close.
	ListEvents(ctx context.Context, endpointID string) (*client.EventList, error)

	// GetEvent returns one event with its response.
	GetEvent(ctx context.Context, endpointID, eventID string) (client.Event, error)
}

// Observer observes a Syncer. Its methods are called concurrently and must return quickly.
type Observer interface {
	// Synced is called at the end of each sync.
	Synced(r Result, took time.Duration)

	// Invalid is called with the number of unusable elements of an answer, if there are any.
	Invalid(op client.Operation, n int)
}

// Options configure a Syncer.
type Options struct {
	// URLDetail is how much of stored URLs is shown. It should be the client's. Empty means
	// URLHost.
	URLDetail client.URLDetail

	// Pinned says that flags name the endpoints. The account's listing is then only for
	// metadata, and can fail.
	Pinned bool

	// MinInterval is how long after the start of a turn scrapes share it. Zero means never.
	// While syncs fail, it doubles up to a minute.
	MinInterval time.Duration

	// Concurrency is the number of concurrent calls for details; lists can have half as many.
	// Zero means client.DefaultConcurrency.
	Concurrency int

	// RateLimit is the client's limit, in requests a second. Failures that the provider may
	// have retried get a tenth of it. Zero means no limit.
	RateLimit float64

	// Observer counts syncs. Nil means none.
	Observer Observer

	// Logger logs problems when they begin and when they end. Nil discards them.
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

// Syncer runs one sync at a time, however many scrapes wait for it, and fetches the details
// of events. It is safe for concurrent use.
//
// A turn reads the lists of all endpoints. Usually one sync does that. A sync that takes very
// long ends with what it has, and the next one continues at once.
type Syncer struct {
	ctx      context.Context // a sync outlasts the scrape that started it
	stop     context.CancelFunc
	api      API
	state    *state.State
	opts     Options
	problems *problems
	overflow overflow
	fetcher  *fetcher
	running  sync.WaitGroup

	mu        sync.Mutex
	done      chan struct{} // closed at the end of the running sync; nil between turns
	began     time.Time     // of the last turn
	turn      time.Duration // duration of the last turn that reached all endpoints
	again     bool          // a scrape during the turn needs another one
	ended     time.Time     // of the last sync
	every     time.Duration // between its end and the previous one; zero before there are two
	took      time.Duration // of the last sync
	result    Result        // of the last sync
	failures  int           // consecutive failed syncs
	listing   listing
	reads     map[string]*read // under way, perhaps since an earlier sync
	pausing   map[string]bool  // lists whose last answer paused all calls
	cutShort  bool             // the last turn took several syncs
	announced bool             // the log has the account
	heard     uint64           // number of the last sync when this replica led or followed last
	theirs    time.Duration    // of the turn of another replica, up to its last sync; zero if this one led last
	vetting   vetting
}

// New returns a Syncer that reads api and applies the results to state. Close stops
// everything that it starts.
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
		s.running.Go(s.syncWhenAsked)
	}
	return s
}

// Start starts a first turn without a scrape, and does not wait for it.
func (s *Syncer) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin(time.Now())
}

// Wait starts a turn, joins the running one, or shares the last one if that began a moment
// ago. It waits for the end of its sync and for the details of the new events in it, and
// reports whether both came before the end of ctx.
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
		done := s.done // nil if the last turn is shared
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

// begin starts a turn unless one is running. The caller holds s.mu.
func (s *Syncer) begin(now time.Time) {
	if s.done != nil || s.ctx.Err() != nil {
		return
	}
	s.done, s.began = make(chan struct{}), now
	s.running.Go(s.syncs)
}

// syncs runs one sync after another while there is a reason: endpoints that are left, or a
// scrape that came late in a long turn.
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

// endedAt records when the last sync ended, of this replica or another. The caller holds
// s.mu.
func (s *Syncer) endedAt(at time.Time) {
	if !s.ended.IsZero() && at.After(s.ended) {
		s.every = at.Sub(s.ended)
	}
	s.ended = at
}

// end records the end of a sync, and wakes those who wait for it. It reports whether another
// sync must follow at once.
func (s *Syncer) end(p *pass, began time.Time) (again bool) {
	now, result := time.Now(), p.result()
	s.mu.Lock()
	s.endedAt(now)
	s.took, s.result = now.Sub(began), result
	s.failures = s.failuresAfter(result)
	again = p.goesOn()
	if !again {
		if result != Failed {
			s.turn, s.theirs = now.Sub(s.began), 0
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
	s.fetcher.moved.notify() // the awaited events may be gone with their endpoint
	return again
}

// failuresAfter returns the number of consecutive failed syncs after another one. The caller
// holds s.mu.
func (s *Syncer) failuresAfter(result Result) int {
	if result == Failed {
		return s.failures + 1
	}
	return 0
}

// interval is how long a turn is shared, from its start. The caller holds s.mu.
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

// Every syncs without scrapes, each time this long after the last sync, until ctx ends. The
// demo uses it.
func (s *Syncer) Every(ctx context.Context, interval time.Duration) {
	for {
		s.Wait(ctx)
		if wait.For(ctx, interval) != nil {
			return
		}
	}
}

// Close stops syncs and the fetcher, and waits for them until ctx ends. It does not close the
// state.
func (s *Syncer) Close(ctx context.Context) error {
	s.mu.Lock() // no turn starts after this
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
