// Package app puts the parts of the exporter together as the configuration says:
// the logger, the client, the state, the collector, the pages, the simulated account.
package app

import (
	"context"
	"errors"
	"log/slog"

	"omegastream_exporter/client"
	"omegastream_exporter/collector"
	"omegastream_exporter/internal/config"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/server"
)

// Build makes what the server serves. When ctx ends it gives up, and with an error it
// leaves nothing open.
func Build(ctx context.Context, cfg config.Config, log *slog.Logger) (*server.Application, error) {
	a := &application{}
	if err := a.build(ctx, cfg, log); err != nil {
		return nil, errors.Join(err, a.close(context.WithoutCancel(ctx)))
	}
	return &server.Application{
		Metrics: a.exporter.Handler(),
		Pages:   newPages(cfg, a.api, a.book, a.exporter, log),
		Close:   a.close,
	}, nil
}

// application is the running parts, in the order of their making.
type application struct {
	stopDemo func() // nil without --demo
	api      *client.Client
	book     *ledger.Book
	exporter *collector.Exporter
	stopSync func() // nil without --demo
}

func (a *application) build(ctx context.Context, cfg config.Config, log *slog.Logger) (err error) {
	if cfg.Demo {
		if a.stopDemo, err = StartDemo(&cfg); err != nil {
			return err
		}
	}
	telemetry := collector.NewTelemetry()
	if a.api, err = newClient(cfg, telemetry); err != nil {
		return err
	}
	if a.book, err = openBook(ctx, cfg, telemetry, log); err != nil {
		return err
	}
	a.exporter = collector.New(a.api, a.book, telemetry, collector.Options{
		URLDetail:     collector.URLDetail(cfg.Webhook.URLDetail),
		Pinned:        len(cfg.Webhook.EndpointIDs) > 0,
		MinInterval:   cfg.Collector.MinInterval,
		Timeout:       cfg.Collector.Timeout,
		TimeoutOffset: cfg.Collector.TimeoutOffset,
		Concurrency:   cfg.API.Concurrency,
		RateLimit:     cfg.API.RateLimit,
		KeepBodies:    cfg.Web.ShowBody,
		Logger:        log,
	})
	if cfg.Demo {
		var demo context.Context
		demo, a.stopSync = context.WithCancel(context.WithoutCancel(ctx))
		go a.exporter.SyncEvery(demo, demoInterval)
	}
	return nil
}

// close ends the parts, the last one first.
func (a *application) close(ctx context.Context) error {
	var errs []error
	if a.stopSync != nil {
		a.stopSync()
	}
	if a.exporter != nil {
		errs = append(errs, a.exporter.Close(ctx))
	}
	if a.book != nil {
		errs = append(errs, a.book.Close(ctx))
	}
	if a.stopDemo != nil {
		a.stopDemo()
	}
	return errors.Join(errs...)
}
