package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/common/version"

	"omegastream_exporter/client"
	"omegastream_exporter/collector"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/simulator"
)

// application is what the server serves. It is built from the configuration and
// closed once the server has drained.
type application struct {
	// metrics answers on --web.telemetry-path. Its requests' context ends when
	// the client leaves, and at the end of a drain: then it answers with what
	// it has.
	metrics http.Handler
	// pages answers on every path that nothing else answers on. They call no API.
	pages http.Handler
	// ready says whether the state is loaded, and if not, why. It never blocks.
	ready func() (ok bool, reason string)
	// close stops the work in the background, flushes and closes the state. It
	// gives up when ctx ends.
	close func(ctx context.Context) error
}

// buildFunc makes the application. When ctx ends it gives up, and it leaves
// nothing open with an error.
type buildFunc func(ctx context.Context, cfg config, log *slog.Logger) (*application, error)

// commandFunc is a command that ends by itself. What it finds goes to stdout,
// what stops it is returned.
type commandFunc func(ctx context.Context, cfg config, log *slog.Logger, stdout io.Writer) error

// wiring is what the commands are made of, so that a test can bring its own.
type wiring struct {
	build         buildFunc
	check         commandFunc
	resetCounters commandFunc
}

// wired is the program as people run it.
var wired = wiring{build: build, check: runCheck, resetCounters: resetCounters}

const (
	demoInterval = 5 * time.Second  // between the syncs that the demo makes by itself
	demoHold     = 10 * time.Second // at most: who looks twice shall see something count
)

// build wires the rooms together: the client, the ledger with its store, and the
// collector between them.
func build(ctx context.Context, cfg config, log *slog.Logger) (*application, error) {
	var cleanup closers
	if cfg.demo {
		stop, err := startDemo(&cfg)
		if err != nil {
			return nil, err
		}
		cleanup.add(func(context.Context) error { stop(); return nil })
	}
	telemetry := collector.NewTelemetry()
	api, err := newClient(cfg, telemetry)
	if err != nil {
		return nil, errors.Join(err, cleanup.close(context.WithoutCancel(ctx)))
	}
	book, err := openBook(ctx, cfg, telemetry, log)
	if err != nil {
		return nil, errors.Join(err, cleanup.close(context.WithoutCancel(ctx)))
	}
	cleanup.add(book.Close)
	exporter := collector.New(api, book, telemetry, collector.Options{
		URLDetail:     collector.URLDetail(cfg.webhook.urlDetail),
		Pinned:        len(cfg.webhook.endpointIDs) > 0,
		MinInterval:   cfg.collector.minInterval,
		Timeout:       cfg.collector.timeout,
		TimeoutOffset: cfg.collector.timeoutOffset,
		Concurrency:   cfg.api.concurrency,
		RateLimit:     cfg.api.rateLimit,
		KeepBodies:    cfg.web.showBody,
		Logger:        log,
	})
	cleanup.add(exporter.Close)
	if cfg.demo {
		demo, stop := context.WithCancel(context.WithoutCancel(ctx))
		go exporter.SyncEvery(demo, demoInterval)
		cleanup.add(func(context.Context) error { stop(); return nil })
	}
	return &application{
		metrics: exporter.Handler(),
		pages:   newPages(cfg, api, book, exporter, log),
		ready:   func() (bool, string) { return true, "" }, // the state was loaded above
		close:   cleanup.close,
	}, nil
}

// closers are steps of closing, the last one added first.
type closers struct{ steps []func(context.Context) error }

func (c *closers) add(step func(context.Context) error) { c.steps = append(c.steps, step) }

func (c *closers) close(ctx context.Context) error {
	var errs []error
	for i := len(c.steps) - 1; i >= 0; i-- {
		errs = append(errs, c.steps[i](ctx))
	}
	return errors.Join(errs...)
}

// startDemo serves a simulated account on loopback and points the configuration
// at it.
func startDemo(cfg *config) (stop func(), err error) {
	account := simulator.Demo(simulator.Options{Seed: uint64(time.Now().UnixNano())})
	url, stopServing, err := simulator.Serve(account)
	if err != nil {
		return nil, fmt.Errorf("--demo: %w", err)
	}
	cfg.api.url, err = cfg.api.url.Parse(url)
	if err != nil {
		stopServing()
		return nil, fmt.Errorf("--demo: %w", err)
	}
	cfg.api.key = newSecret(simulator.DefaultKey)
	cfg.collector.holdNewSeries = min(cfg.collector.holdNewSeries, demoHold)
	traffic, stopTraffic := context.WithCancel(context.Background())
	go account.Run(traffic)
	return func() {
		stopTraffic()
		stopServing()
	}, nil
}

// newClient returns the client of the configured API.
func newClient(cfg config, observer client.Observer) (*client.Client, error) {
	keys := client.StaticKey(cfg.api.key.reveal())
	if cfg.api.keyFile != "" {
		file, err := client.KeyFile(cfg.api.keyFile)
		if err != nil {
			return nil, fmt.Errorf("--api.key-file: %w", err)
		}
		keys = file
	}
	api, err := client.New(cfg.api.url.String(), keys, client.Options{
		UserAgent:     program + "/" + cmp.Or(version.Version, "unknown"),
		Timeout:       cfg.api.timeout,
		MaxListEvents: cfg.api.maxListEvents,
		Concurrency:   cfg.api.concurrency,
		RateLimit:     cfg.api.rateLimit,
		Observer:      observer,
	})
	if err != nil {
		return nil, fmt.Errorf("--api.url: %w", err)
	}
	return api, nil
}

// openBook opens the state and the ledger in it.
func openBook(ctx context.Context, cfg config, watcher ledger.Watcher, log *slog.Logger) (*ledger.Book, error) {
	store, err := newStore(cfg.state)
	if err != nil {
		return nil, err
	}
	book, opening, err := ledger.Open(ctx, store, cfg.api.url.String(), policy(cfg), watcher)
	if err != nil {
		return nil, stateError(cfg.state, err)
	}
	if opening.SetAside != "" {
		log.Error("The state could not be read: it was set aside and the counters begin at 0",
			"err", opening.Cause, "set_aside", opening.SetAside)
	}
	return book, nil
}

// policy returns what the flags say of the ledger.
func policy(cfg config) ledger.Policy {
	return ledger.Policy{
		Window:          cfg.collector.window,
		Overlap:         cfg.collector.overlap,
		NoResponseAfter: cfg.collector.noResponseAfter,
		Hold:            cfg.collector.holdNewSeries,
		KeepBodies:      cfg.web.showBody,
		Endpoints:       cfg.webhook.endpointIDs,
	}
}

// newStore returns the store that --state.url names; it is opened later.
func newStore(c stateConfig) (ledger.Store, error) {
	switch c.kind {
	case stateMemory:
		return ledger.NewMemory(), nil
	case statePostgres:
		return nil, errors.New("--state.url: postgres is not part of this version; use file:PATH")
	default:
		return ledger.NewFile(c.path), nil
	}
}

// stateError says of a state that cannot be opened what to do about it.
func stateError(c stateConfig, err error) error {
	mend := "check the path, its permissions and the space on its disk"
	switch {
	case errors.Is(err, ledger.ErrInUse):
		mend = "stop the other process or give each its own file"
	case errors.Is(err, ledger.ErrUnreadable):
		mend = "restore a backup, or move it away; a start would set it aside and begin at 0"
	case errors.Is(err, ledger.ErrNewer):
		mend = "run that version, or name another file"
	case errors.Is(err, ledger.ErrOtherAccount):
		mend = "name that --api.url, or give each account its own file"
	}
	return fmt.Errorf("--state.url: %s: %w; %s", c.path, err, mend)
}

// readableState returns an error unless the state can be read as it is.
func readableState(ctx context.Context, cfg config) error {
	store, err := newStore(cfg.state)
	if err != nil {
		return err
	}
	if _, err := ledger.Inspect(ctx, store, cfg.api.url.String(), policy(cfg)); err != nil {
		return stateError(cfg.state, err)
	}
	return nil
}

// resetCounters starts the counters of the state at 0.
func resetCounters(ctx context.Context, cfg config, log *slog.Logger, stdout io.Writer) error {
	if _, err := os.Stat(cfg.state.path); cfg.state.kind == stateFile && err != nil {
		return fmt.Errorf("--state.url: %w; there are no counters to reset", err)
	}
	// What cannot be read has no counters to reset: it is left for people to look at.
	if err := readableState(ctx, cfg); err != nil {
		return err
	}
	book, err := openBook(ctx, cfg, collector.NewTelemetry(), log)
	if err != nil {
		return err
	}
	book.Do(func(a *ledger.Account) { a.ResetCounters(time.Now()) })
	if err := book.Close(ctx); err != nil {
		return stateError(cfg.state, err)
	}
	_, err = fmt.Fprintf(stdout, "The counters in %s begin at 0 again. What was seen stays seen.\n", cfg.state.path)
	return err
}
