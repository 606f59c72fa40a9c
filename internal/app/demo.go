package app

import (
	"context"
	"fmt"
	"net"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/config"
	"omegastream_exporter/internal/simulator"
)

const (
	demoRate     = 100              // API requests a second if the flag has its default, so that a day of events is fetched in minutes
	demoInterval = 5 * time.Second  // between the demo's own syncs
	demoHold     = 10 * time.Second // at most: a visitor who looks twice should see something count
)

// StartDemo serves a simulated account on loopback and points the configuration
// at it.
func StartDemo(cfg *config.Config) (stop func(), err error) {
	account := simulator.Demo(simulator.Options{Seed: uint64(time.Now().UnixNano())})
	url, stopServing, err := simulator.Serve(account)
	if err != nil {
		return nil, fmt.Errorf("--demo: %w", err)
	}
	cfg.API.URL, err = cfg.API.URL.Parse(url)
	if err != nil {
		stopServing()
		return nil, fmt.Errorf("--demo: %w", err)
	}
	cfg.API.Key = client.NewSecret(simulator.DefaultKey)
	if cfg.API.RateLimit == config.DefaultRateLimit {
		cfg.API.RateLimit = demoRate
	}
	cfg.Collector.HoldNewSeries = min(cfg.Collector.HoldNewSeries, demoHold)
	cfg.Collector.MinInterval = min(cfg.Collector.MinInterval, demoInterval)
	traffic, stopTraffic := context.WithCancel(context.Background())
	go account.Run(traffic)
	return func() {
		stopTraffic()
		stopServing()
	}, nil
}

// pageURL is the address of the page for a browser on this machine. It is "" if that is unknown, because the port is
// any free one or --web.config.file decides about TLS.
func pageURL(w config.Web) string {
	host, port, err := net.SplitHostPort((*w.Toolkit.WebListenAddresses)[0])
	if err != nil || port == "0" || *w.Toolkit.WebConfigFile != "" {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && (ip.IsUnspecified() || ip.IsLoopback()) {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port) + w.RoutePrefix + "/"
}
