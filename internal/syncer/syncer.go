package syncer

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
)

// longestInterval bounds the time between syncs while they fail.
const longestInterval = time.Minute

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
	// URLDetail says how much of a URL that the state holds is shown, as the client's
	// says of those that it reads. Empty
	// means URLHost.
	URLDetail client.URLDetail

	// Pinned says that the endpoints were named by flags: the account's listing
	// is then for metadata only, and its failure is no error.
	Pinned bool

	// MinInterval is how long after the end of a sync scrapes share it. Zero
	// means never; while syncs fail it doubles, up to a minute.
	MinInterval time.Duration

	// Concurrency is how many lists and details are asked for at a time. Zero
	// means client.DefaultConcurrency.
	Concurrency int

	// RateLimit is the client's, in requests a second; a tenth of it may go to
	// failures that might have been retried. Zero means none.
	RateLimit float64

	// KeepBodies says that what receivers answered may be stored, for the pages.
	KeepBodies bool

	// Observer counts. Nil means that nobody does.
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
type Syncer struct {
	ctx      context.Context // a sync outlives the scrape that started it
	stop     context.CancelFunc
	api      API
	book     *ledger.Book
	opts     Options
	problems *problems
	fetcher  *fetcher
	lists    chan struct{} // a slot for each list that is read at a time
	running  sync.WaitGroup

	mu       sync.Mutex
	done     chan struct{} // closed at the end of the running sync, nil between syncs
	ended    time.Time
	took     time.Duration // the last one
	result   Result
	failures int                 // syncs that failed in a row
	reading  map[string]struct{} // endpoints whose list is being read, perhaps since an earlier sync
}

// New returns a Syncer that asks api and keeps what it learns in book. Close stops what
// it starts.
func New(api API, book *ledger.Book, o Options) *Syncer {
	o = o.withDefaults()
	s := &Syncer{
		api: api, book: book, opts: o, problems: newProblems(o.Logger),
		lists: make(chan struct{}, 2*o.Concurrency), reading: make(map[string]struct{}),
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.fetcher = newFetcher(s.ctx, api, book, s.problems, o)
	book.Do(func(a *ledger.Account) { a.ReduceURLs(o.URLDetail.ReduceShown) })
	s.running.Go(func() { s.fetcher.run(s.ctx) })
	return s
}

// Wait starts a sync, joins the running one, or shares the last one where that is recent
// enough. It waits for its end and for the details of the new events that it found, and
// reports whether both came before the end of ctx.
func (s *Syncer) Wait(ctx context.Context) bool {
	s.mu.Lock()
	shared := !s.ended.IsZero() && time.Since(s.ended) < s.interval()
	if s.done == nil && !shared && s.ctx.Err() == nil {
		s.done = make(chan struct{})
		s.running.Go(s.sync)
	}
	done := s.done
	s.mu.Unlock()
	if done != nil {
		select {
		case <-done:
		case <-ctx.Done():
			return false
		}
	}
	return s.fetcher.caughtUp(ctx)
}

// interval is how long the last sync is shared. The caller holds s.mu.
func (s *Syncer) interval() time.Duration {
	interval := s.opts.MinInterval
	for range s.failures {
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
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for {
		s.Wait(ctx)
		timer.Reset(interval)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

// Close stops syncs and the fetcher and waits for them, as long as ctx lasts. The book is
// left open.
func (s *Syncer) Close(ctx context.Context) error {
	s.mu.Lock() // no sync begins after this
	s.stop()
	s.mu.Unlock()
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
