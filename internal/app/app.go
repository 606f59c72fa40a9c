// Package app wires the parts of the exporter as configured: logger, client, state,
// collector, pages, and the simulated account.
package app

import (
	"context"
	"errors"
	"log/slog"

	"omegastream_exporter/client"
	"omegastream_exporter/collector"
	"omegastream_exporter/internal/config"
	"omegastream_exporter/internal/server"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/syncer"
)

// Build makes the application that the server serves, and logs the configuration. It gives up when ctx ends. If it
// returns an error, it leaves nothing open.
func Build(ctx context.Context, cfg config.Config, log *slog.Logger) (*server.Application, error) {
	a := &application{}
	err := a.simulate(&cfg)
	if err == nil {
		err = a.build(ctx, cfg, log)
	}
	if err != nil {
		return nil, errors.Join(err, a.close(context.WithoutCancel(ctx)))
	}
	for _, warning := range cfg.Warnings {
		log.Warn("Configuration looks wrong", "warning", warning)
	}
	if url := pageURL(cfg.Web); cfg.Demo && url != "" {
		log.Info("This is a demo. Open the page: two of the simulated endpoints fail all the time, three now and then", "url", url)
	}
	log.Info("Configured", "api_url", cfg.API.URL.String(), "key_from", KeyFrom(cfg), "state", cfg.State.String())
	return &server.Application{
		Metrics: a.exporter.Handler(),
		Pages:   newPages(cfg, a.api, a.state, a.syncer, a.telemetry, log),
		Close:   a.close,
	}, nil
}

// application is the running parts, in the order in which they start.
type application struct {
	stopDemo  func() // nil without --demo
	telemetry *collector.Telemetry
	api       *client.Client
	state     *state.State
	failures  *failureLog // nil with --no-log.failures
	syncer    *syncer.Syncer
	exporter  *collector.Exporter
	stopSync  func() // nil without --demo
}

// simulate replaces the API by a simulated account, for --demo.
func (a *application) simulate(cfg *config.Config) (err error) {
	if cfg.Demo {
		a.stopDemo, err = StartDemo(cfg)
	}
	return err
}

func (a *application) build(ctx context.Context, cfg config.Config, log *slog.Logger) (err error) {
	a.telemetry = collector.NewTelemetry()
	a.telemetry.LogTo(log)
	if a.api, err = newClient(cfg, a.telemetry); err != nil {
		return err
	}
	if a.state, err = openState(ctx, cfg, a.telemetry, log); err != nil {
		return err
	}
	if cfg.Log.Failures {
		a.failures = newFailureLog(log, cfg.Web.Address())
		a.state.OnFailed(a.failures.report)
	}
	carryLimits(a.api.Limiter(), a.state)
	a.syncer = syncer.New(a.api, a.state, syncer.Options{
		URLDetail:   client.URLDetail(cfg.Webhook.URLDetail),
		Pinned:      len(cfg.Webhook.EndpointIDs) > 0,
		MinInterval: cfg.Collector.MinInterval,
		Concurrency: cfg.API.Concurrency,
		RateLimit:   cfg.API.RateLimit,
		Observer:    a.telemetry,
		Logger:      log,
	})
	a.exporter = collector.New(a.syncer, a.state, a.telemetry, collector.Options{
		Timeout:       cfg.Collector.Timeout,
		TimeoutOffset: cfg.Collector.TimeoutOffset,
		ExternalURL:   cfg.Web.Address(),
		Logger:        log,
	})
	if cfg.Demo {
		var demo context.Context
		demo, a.stopSync = context.WithCancel(context.WithoutCancel(ctx))
		go a.syncer.Every(demo, demoInterval)
	} else {
		a.syncer.Start()
	}
	return nil
}

// close stops the parts in reverse order.
func (a *application) close(ctx context.Context) error {
	var errs []error
	if a.stopSync != nil {
		a.stopSync()
	}
	if a.syncer != nil {
		errs = append(errs, a.syncer.Close(ctx))
	}
	if a.state != nil {
		errs = append(errs, a.state.Close(ctx))
	}
	if a.failures != nil {
		a.failures.close()
	}
	if a.stopDemo != nil {
		a.stopDemo()
	}
	return errors.Join(errs...)
}
