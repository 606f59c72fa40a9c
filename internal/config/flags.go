package config

import (
	"strconv"

	"github.com/prometheus/exporter-toolkit/web/kingpinflag"
)

// placeFile is the placeholder of a flag that names a file.
const placeFile = "FILE"

// register registers every flag, in the order of the help.
func (f *flags) register() {
	c := f.cfg
	f.add("api.url", "https://api.omegastream.net/company", "Base URL of the OmegaStream API.", text(&f.raw.apiURL))
	f.add("api.key-file", "", "File with the API key; read again when it changes.", text(&c.API.KeyFile)).PlaceHolder(placeFile)
	f.add("api.allow-insecure", "", "Allow a plain http --api.url to another host. The key is sent unencrypted.", toggle(&c.API.AllowInsecure))
	f.add("api.timeout", "10s", "Time limit for one API request: until the last byte of an event's detail, or the header of a list.", duration(&c.API.Timeout))
	f.add("api.max-list-events", "10000000", "Give up on a list with more events than this.", whole(&c.API.MaxListEvents))
	f.add("api.concurrency", "16", "API requests that can run at the same time.", whole(&c.API.Concurrency))
	f.add("api.rate-limit", strconv.Itoa(DefaultRateLimit), "API requests a second; can be below 1. 0 is no limit.", number(&c.API.RateLimit))

	f.add("webhook.endpoint-id", "", "Watch only this webhook endpoint, instead of all endpoints of the account. Repeatable.", list(&c.Webhook.EndpointIDs)).PlaceHolder("ID")
	f.add("webhook.url-detail", "host", "How much of an endpoint's URL to show: host, path or none. The path is often a secret.", oneOf(&c.Webhook.URLDetail, "host", "path", "none"))

	f.add("collector.window", "24h", "Time span that the pages and window gauges cover, 1h to 31d. Events older than this are forgotten.", duration(&c.Collector.Window))
	f.add("collector.overlap", "15m", "How far to read a list beyond the newest known event, to find events that are listed late. At most half of --collector.window.", duration(&c.Collector.Overlap))
	f.add("collector.no-response-after", "10m", "Count a delivery as one without a response if it has none after this time.", duration(&c.Collector.NoResponseAfter))
	f.add("collector.hold-new-series", "1m", "Show a new series at 0 for this long, so that increase() sees the first failure. Set it to at least twice the longest scrape interval; 0 switches it off.", duration(&c.Collector.HoldNewSeries))
	f.add("collector.count-since", "0s", "When the exporter starts with a new state, also count events created up to this long before. For a sidecar whose state goes with its pod, so that a rollout misses no failure. 0 counts no earlier events.", duration(&c.Collector.CountSince))
	f.add("collector.max-backlog", "100000", "Most events of the account that wait for an outcome. If there are more, the oldest are counted as unresolved without another request.", whole(&c.Collector.MaxBacklog))
	f.add("collector.min-interval", "9s", "Reuse the last sync with the API for scrapes within this time of its start. 0 syncs at every scrape.", duration(&c.Collector.MinInterval))
	f.add("collector.timeout", "9.5s", "Deadline for a scrape whose scraper sends none. At most 2m.", duration(&c.Collector.Timeout))
	f.add("collector.timeout-offset", "500ms", "How long before the scraper's timeout to answer.", duration(&c.Collector.TimeoutOffset))

	f.add("state.url", "file:data/ledger.db", "Where to keep the counts: file:PATH, memory:, or postgres://USER@HOST/DATABASE, which replicas share. Do not put a password on the command line.", text(&f.raw.stateURL))
	f.add("state.url-file", "", "File that contains the value of --state.url.", text(&f.raw.stateURLFile)).PlaceHolder(placeFile)
	f.add("state.schema", Program, "PostgreSQL schema of the state, one for each account. Created if missing.", text(&f.raw.stateSchema))

	f.registerWeb()

	f.add("demo", "", "Serve a simulated account. Needs no key and keeps its state in memory.", toggle(&c.Demo))
	f.add("log.level", "info", "Lowest severity to log: debug, info, warn or error.", oneOf(&c.Log.Level, "debug", "info", "warn", "error"))
	f.add("log.format", "logfmt", "Format of the log: logfmt or json.", oneOf(&c.Log.Format, "logfmt", "json"))
	f.add("log.failures", "true", "Log a line for each failed delivery: at most 100 a second, then one with the number of the rest.", toggle(&c.Log.Failures))
}

// registerWeb takes over exporter-toolkit's flags with our values and help, so that they are
// checked and reported like the others.
func (f *flags) registerWeb() {
	c := &f.cfg.Web
	c.Toolkit = kingpinflag.AddFlags(f.app, ":9877")
	f.adopt("web.listen-address", "Address to listen on, such as :9877, [::1]:9877 or vsock://:9877. Repeatable.", list(c.Toolkit.WebListenAddresses))
	if f.app.GetFlag("web.systemd-socket") != nil { // Linux only
		f.adopt("web.systemd-socket", "Listen on the sockets that systemd passes instead of an address.", toggle(c.Toolkit.WebSystemdSocket))
	}
	f.adopt("web.config.file", "File that configures TLS, client certificates and basic auth, in the format of exporter-toolkit.", text(c.Toolkit.WebConfigFile)).PlaceHolder(placeFile).Default()
	f.add("web.external-url", "", "URL at which people reach the exporter, for example through a reverse proxy. Links on the pages start with its path.", text(&f.raw.externalURL)).PlaceHolder("URL")
	f.add("web.route-prefix", "", "Prefix of every path that the exporter serves. By default the path of --web.external-url; use / if the proxy removes that.", text(&f.raw.routePrefix)).PlaceHolder("PATH")
	f.add("web.telemetry-path", "/metrics", "Path of the metrics, below --web.route-prefix.", text(&c.TelemetryPath))
	f.add("web.show-response-body", "", "Keep the first 1 KiB of the receiver's answer to a failed delivery, and show it on the pages. It can contain secrets.", toggle(&c.ShowBody))
	f.add("web.enable-pprof", "", "Serve the Go profiler on /debug/pprof/.", toggle(&c.EnablePprof))
}
