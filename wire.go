package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/common/version"

	"omegastream_exporter/client"
	"omegastream_exporter/collector"
	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/turns"
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
	copyState     commandFunc
}

// wired is the program as people run it.
var wired = wiring{build: build, check: runCheck, resetCounters: resetCounters, copyState: copyState}

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
	rate, err := sharedRate(cfg.state)
	if err != nil {
		return nil, errors.Join(err, cleanup.close(context.WithoutCancel(ctx)))
	}
	if rate != nil {
		cleanup.add(func(context.Context) error { rate.Close(); return nil })
	}
	api, err := newClient(cfg, telemetry, rate)
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

// sharedRate returns the rate limit that the replicas of a shared state keep together,
// nil for a state of this process's own.
func sharedRate(c stateConfig) (*turns.Limiter, error) {
	if c.kind != statePostgres {
		return nil, nil //nolint:nilnil // There is none, and nothing is wrong with that.
	}
	limiter, err := turns.New(c.dsn.reveal(), c.schema)
	if err != nil {
		return nil, fmt.Errorf("--state.url: %w", err)
	}
	return limiter, nil
}

// newClient returns the client of the configured API. Its rate limit is its own where
// rate is nil.
func newClient(cfg config, observer client.Observer, rate *turns.Limiter) (*client.Client, error) {
	keys := client.StaticKey(cfg.api.key.reveal())
	if cfg.api.keyFile != "" {
		file, err := client.KeyFile(cfg.api.keyFile)
		if err != nil {
			return nil, fmt.Errorf("--api.key-file: %w", err)
		}
		keys = file
	}
	options := client.Options{
		UserAgent:     program + "/" + cmp.Or(version.Version, "unknown"),
		Timeout:       cfg.api.timeout,
		MaxListEvents: cfg.api.maxListEvents,
		Concurrency:   cfg.api.concurrency,
		RateLimit:     cfg.api.rateLimit,
		Observer:      observer,
	}
	if rate != nil { // an interface that holds nil is not nil
		options.Turns = rate
	}
	api, err := client.New(cfg.api.url.String(), keys, options)
	if err != nil {
		return nil, fmt.Errorf("--api.url: %w", err)
	}
	return api, nil
}
