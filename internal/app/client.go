package app

import (
	"cmp"
	"fmt"

	"github.com/prometheus/common/version"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/config"
)

// NewClient returns a client of the configured API for a command.
func NewClient(cfg config.Config) (*client.Client, error) { return newClient(cfg, nil) }

// newClient returns the client of the configured API.
func newClient(cfg config.Config, observer client.Observer) (*client.Client, error) {
	keys := client.StaticKey(cfg.API.Key.Reveal())
	if cfg.API.KeyFile != "" {
		file, err := client.KeyFile(cfg.API.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("--api.key-file: %w", err)
		}
		keys = file
	}
	api, err := client.New(cfg.API.URL.String(), keys, client.Options{
		UserAgent:     config.Program + "/" + cmp.Or(version.Version, "unknown"),
		Timeout:       cfg.API.Timeout,
		MaxListEvents: cfg.API.MaxListEvents,
		Concurrency:   cfg.API.Concurrency,
		RateLimit:     cfg.API.RateLimit,
		URLDetail:     client.URLDetail(cfg.Webhook.URLDetail),
		Observer:      observer,
	})
	if err != nil {
		return nil, fmt.Errorf("--api.url: %w", err)
	}
	return api, nil
}

// KeyFrom says where the API key comes from.
func KeyFrom(cfg config.Config) string {
	switch {
	case cfg.Demo:
		return "the simulated account"
	case cfg.API.KeyFile != "":
		return "the file " + cfg.API.KeyFile
	}
	return "the environment variable " + config.EnvKey
}
