package collector

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
)

// API is what the exporter needs of a client.Client.
type API interface {
	// ListEndpoints returns the account's endpoints.
	ListEndpoints(ctx context.Context) (client.EndpointList, error)

	// ListEvents returns an endpoint's list of events as a stream, which the
	// caller reads to its end or closes.
	ListEvents(ctx context.Context, endpointID string) (*client.EventList, error)

	// GetEvent returns one event with its response.
	GetEvent(ctx context.Context, endpointID, eventID string) (client.Event, error)
}

// Options are the settings of an Exporter.
type Options struct {
	// URLDetail says how much of an endpoint's URL is stored and shown. Empty
	// means URLHost.
	URLDetail URLDetail

	// Pinned says that the endpoints were named by flags: the account's listing
	// is then for metadata only, and its failure is no error.
	Pinned bool

	// MinInterval is how long after the end of a sync scrapes share it. Zero
	// means never; while syncs fail it doubles, up to a minute.
	MinInterval time.Duration

	// Timeout is the deadline of a scrape whose request names none. Zero means
	// 9.5s.
	Timeout time.Duration

	// TimeoutOffset is taken off the deadline that a request names, which keeps
	// at least half of it.
	TimeoutOffset time.Duration

	// Concurrency is how many lists and details are asked for at a time. Zero
	// means client.DefaultConcurrency.
	Concurrency int

	// RateLimit is the client's, in requests a second; a tenth of it may go to
	// failures that might have been retried. Zero means none.
	RateLimit float64

	// KeepBodies says that what receivers answered may be stored, for the pages.
	KeepBodies bool

	// Logger gets what goes wrong, once where it begins and once where it ends.
	// Nil discards it.
	Logger *slog.Logger
}

// Exporter serves the metrics of one account. It is safe for concurrent use.
type Exporter struct {
	book      *ledger.Book
	telemetry *Telemetry
	opts      Options
	log       *slog.Logger

	syncer *syncer
	drain  *drain
	cache  metricCache
	gauges gaugeCache
	many   atomic.Bool // the last scrape had very many series

	stop    context.CancelFunc
	running sync.WaitGroup
}

// New returns an exporter that asks api and keeps what it learns in book. The
// telemetry must be the one that observes both. Close stops what it starts.
func New(api API, book *ledger.Book, t *Telemetry, o Options) *Exporter {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Concurrency == 0 {
		o.Concurrency = client.DefaultConcurrency
	}
	if o.Timeout == 0 {
		o.Timeout = 9500 * time.Millisecond
	}
	ctx, stop := context.WithCancel(context.Background())
	e := &Exporter{book: book, telemetry: t, opts: o, log: o.Logger, stop: stop}
	log := newErrorLog(o.Logger)
	e.drain = newDrain(ctx, api, book, t, log, o)
	e.syncer = &syncer{
		ctx: ctx, api: api, book: book, telemetry: t, drain: e.drain, opts: o, log: log,
		lists: make(chan struct{}, o.Concurrency), reading: make(map[string]struct{}),
	}
	t.log.Store(o.Logger)
	t.registry.MustRegister(stateCollector{book, &t.up})
	book.Do(func(a *ledger.Account) { a.ReduceURLs(o.URLDetail.reduceBare) })
	e.running.Go(func() { e.drain.run(ctx) })
	return e
}

// SyncEvery syncs without being scraped, each time so long after the last sync,
// until ctx ends: for the demo.
func (e *Exporter) SyncEvery(ctx context.Context, every time.Duration) {
	timer := time.NewTimer(every)
	defer timer.Stop()
	for {
		e.syncer.wait(ctx)
		timer.Reset(every)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

// Close stops syncs and the drain and waits for them, as long as ctx lasts. The
// book is left open.
func (e *Exporter) Close(ctx context.Context) error {
	e.syncer.mu.Lock() // no sync begins after this
	e.stop()
	e.syncer.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.running.Wait()
		e.syncer.running.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// bring brings the ledger up to date as far as ctx allows and ends the holds that
// are over. Writing the latter may take grace longer than ctx.
func (e *Exporter) bring(ctx context.Context, grace time.Duration) {
	if !e.syncer.wait(ctx) && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		e.telemetry.deadlineExceeded.Inc()
	}
	held := false
	e.book.Look(func(a *ledger.Account) { held = a.Held() })
	if !held {
		return
	}
	e.book.Do(func(a *ledger.Account) { a.Release(e.book.Now()) })
	// A release that is not durable in time is shown by the next scrape.
	deadline, ok := ctx.Deadline()
	if now := time.Now(); !ok || deadline.Before(now) {
		deadline = now
	}
	flush, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline.Add(grace))
	defer cancel()
	_ = e.book.Flush(flush)
}
