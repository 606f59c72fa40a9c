package app

import (
	"cmp"
	"fmt"

	"github.com/prometheus/common/version"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/config"
	"omegastream_exporter/internal/turns"
)

// NewClient returns a client of the configured API for one look at it.
func NewClient(cfg config.Config) (*client.Client, error) { return newClient(cfg, nil, nil) }

// newClient returns the client of the configured API. Its rate limit is its own where
// rate is nil.
func newClient(cfg config.Config, observer client.Observer, rate *turns.Limiter) (*client.Client, error) {
	keys := client.StaticKey(cfg.API.Key.Reveal())
	if cfg.API.KeyFile != "" {
		file, err := client.KeyFile(cfg.API.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("--api.key-file: %w", err)
		}
		keys = file
	}
	options := client.Options{
		UserAgent:     config.Program + "/" + cmp.Or(version.Version, "unknown"),
		Timeout:       cfg.API.Timeout,
		MaxListEvents: cfg.API.MaxListEvents,
		Concurrency:   cfg.API.Concurrency,
		RateLimit:     cfg.API.RateLimit,
		Observer:      observer,
	}
	if rate != nil { // an interface that holds nil is not nil
		options.Turns = rate
	}
	api, err := client.New(cfg.API.URL.String(), keys, options)
	if err != nil {
		return nil, fmt.Errorf("--api.url: %w", err)
	}
	return api, nil
}

// sharedRate returns the rate limit that the replicas of a shared state keep together,
// nil for a state of this process's own.
func sharedRate(s config.State) (*turns.Limiter, error) {
	if !s.Shared() {
		return nil, nil //nolint:nilnil // There is none, and nothing is wrong with that.
	}
	dsn, schema := s.Postgres()
	limiter, err := turns.New(dsn.Reveal(), schema)
	if err != nil {
		return nil, fmt.Errorf("--state.url: %w", err)
	}
	return limiter, nil
}
