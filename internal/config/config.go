// Package config turns the command line and the environment into one checked
// value, and describes them: help, manual page, completion. Bad input ends here,
// with one line for each problem.
package config

import (
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/exporter-toolkit/web"

	"omegastream_exporter/client"
)

// Program is the name in usage, errors, logs and pages.
const Program = "omegastream_exporter"

// Config is the checked configuration. Its fields are named like the flags. Only Parse
// creates it, so its users need not check it again.
type Config struct {
	API       API
	Webhook   Webhook
	Collector Collector
	State     State
	From      State // for CopyState: the state to copy
	Yes       bool  // for ResetCounters: do not ask
	Web       Web
	Log       Log
	Warnings  []string // likely mistakes, each for one line
	Demo      bool     // the API and the key are the simulator's; State is in memory
}

// DefaultRateLimit is the default of --api.rate-limit, in requests a second.
const DefaultRateLimit = 20

// API is the flags --api.*.
type API struct {
	URL           *url.URL      // http or https, lower-case host, no slash at the end; never with a user
	Key           client.Secret // from OMEGASTREAM_API_KEY; empty with KeyFile and with Demo
	KeyFile       string        // empty: Key is used
	Timeout       time.Duration // > 0
	MaxListEvents int           // > 0
	Concurrency   int           // 1 to 1024
	RateLimit     float64       // requests a second, 0 = none
	AllowInsecure bool
}

// Webhook is the flags --webhook.*.
type Webhook struct {
	EndpointIDs []string // empty: all of the account
	URLDetail   string   // host, path or none
}

// Collector is the flags --collector.*.
type Collector struct {
	Window          time.Duration // 1h to 31d
	Overlap         time.Duration // > 0, at most Window/2
	NoResponseAfter time.Duration // > 0
	HoldNewSeries   time.Duration // 0 = off
	CountSince      time.Duration // 0 = nothing, at most Window
	MaxBacklog      int           // >= 1
	MinInterval     time.Duration // 0 = never share
	Timeout         time.Duration // > 0, at most 2m
	TimeoutOffset   time.Duration // >= 0, under Timeout
}

// Web is the flags --web.*.
type Web struct {
	Toolkit       *web.FlagConfig
	ExternalURL   *url.URL // nil if not given
	RoutePrefix   string   // before every route: empty, or /path without a trailing slash
	TelemetryPath string
	EnablePprof   bool
	ShowBody      bool // show receivers' answers on the pages
}

// Address is --web.external-url without a trailing slash; "" if not given.
func (c Web) Address() string {
	if c.ExternalURL == nil {
		return ""
	}
	return strings.TrimRight(c.ExternalURL.String(), "/")
}

// LinkPath is the path before every link: that of --web.external-url, or else the route
// prefix, without a trailing slash.
func (c Web) LinkPath() string {
	if c.ExternalURL == nil {
		return c.RoutePrefix
	}
	return strings.TrimRight(c.ExternalURL.EscapedPath(), "/")
}

// vsockPrefix marks the addresses of virtual machine sockets.
const vsockPrefix = "vsock://"

// ToolkitListens reports whether exporter-toolkit has to open the listeners, because only it
// supports sockets of systemd and of virtual machines.
func (c Web) ToolkitListens() bool {
	return *c.Toolkit.WebSystemdSocket || len(c.TCPAddresses()) < len(*c.Toolkit.WebListenAddresses)
}

// TCPAddresses returns the addresses without those of virtual machine sockets, on which a
// machine cannot always reach itself.
func (c Web) TCPAddresses() (tcp []string) {
	for _, address := range *c.Toolkit.WebListenAddresses {
		if !strings.HasPrefix(address, vsockPrefix) {
			tcp = append(tcp, address)
		}
	}
	return tcp
}

// Log is the flags --log.*.
type Log struct {
	Level  string // debug, info, warn or error
	Format string // logfmt or json

	Failures bool // a line for each failed delivery
}
