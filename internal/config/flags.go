package config

import (
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"
)

// placeFile stands for the value of a flag that names a file.
const placeFile = "FILE"

// register registers every flag, in the order of the help.
func (f *flags) register() {
	c := f.cfg
	f.add("api.url", "https://api.omegastream.net/company", "Base URL of the OmegaStream API.", text(&f.raw.apiURL))
	f.add("api.key-file", "", "File with the API key; read again when it changes.", text(&c.API.KeyFile)).PlaceHolder(placeFile)
	f.add("api.allow-insecure", "", "Allow a plain http --api.url to another host. The key is sent unencrypted.", toggle(&c.API.AllowInsecure))
	f.add("api.timeout", "10s", "Time limit of one API request: to the last byte of an event's detail, to the header of a list.", duration(&c.API.Timeout))
	f.add("api.max-list-events", "10000000", "Give up reading a list of events that is longer than this.", whole(&c.API.MaxListEvents))
	f.add("api.concurrency", "16", "API requests at a time.", whole(&c.API.Concurrency))
	f.add("api.rate-limit", "20", "API requests a second, may be under 1. 0 is no limit.", number(&c.API.RateLimit))

	f.add("webhook.endpoint-id", "", "Watch this webhook endpoint only, not all of the account. Repeatable.", list(&c.Webhook.EndpointIDs)).PlaceHolder("ID")
	f.add("webhook.url-detail", "host", "How much of an endpoint's URL is shown: host, path or none. The path of many webhooks is a secret.", oneOf(&c.Webhook.URLDetail, "host", "path", "none"))

	f.add("collector.window", "24h", "Watch the events of this last span of time, 1h to 31d.", duration(&c.Collector.Window))
	f.add("collector.overlap", "15m", "How far behind the newest known event a read of a list goes on, for events that are listed late. At most half of --collector.window.", duration(&c.Collector.Overlap))
	f.add("collector.no-response-after", "10m", "Count a delivery as without response when it still has none after this time.", duration(&c.Collector.NoResponseAfter))
	f.add("collector.hold-new-series", "1m", "Show a new series at 0 for this long, so that increase() sees the first failure. At least twice the longest scrape interval; 0 switches it off.", duration(&c.Collector.HoldNewSeries))
	f.add("collector.count-since", "0s", "In a new state, count what was created up to this long before the state was made, at the first read of each endpoint. For a sidecar whose state goes with its pod, so that no failure of a rollout is missed. 0 counts nothing from before.", duration(&c.Collector.CountSince))
	f.add("collector.max-backlog", "100000", "Events of the account that may wait for an outcome. The oldest beyond that are counted as unresolved without another request.", whole(&c.Collector.MaxBacklog))
	f.add("collector.min-interval", "9s", "Scrapes nearer than this to the start of the last sync with the API share its result. 0 syncs at every scrape.", duration(&c.Collector.MinInterval))
	f.add("collector.timeout", "9.5s", "Deadline of a scrape whose scraper sends none. At most 2m.", duration(&c.Collector.Timeout))
	f.add("collector.timeout-offset", "500ms", "Answer this much before the scraper's own timeout.", duration(&c.Collector.TimeoutOffset))

	f.add("state.url", "file:data/ledger.db", "Where to keep what was counted: file:PATH, memory:, or postgres://USER@HOST/DATABASE, which replicas share. One with a password not on the command line.", text(&f.raw.stateURL))
	f.add("state.url-file", "", "File with the --state.url.", text(&f.raw.stateURLFile)).PlaceHolder(placeFile)
	f.add("state.schema", Program, "Schema of a state in PostgreSQL, one for each account. It is made where it is missing.", text(&c.State.schema))

	f.registerWeb()

	f.add("demo", "", "Serve a simulated account: no key needed, state in memory.", toggle(&c.Demo))
	f.add("log.level", "info", "Log messages from this severity on: debug, info, warn or error.", oneOf(&c.Log.Level, "debug", "info", "warn", "error"))
	f.add("log.format", "logfmt", "Format of the log: logfmt or json.", oneOf(&c.Log.Format, "logfmt", "json"))
	f.add("log.failures", "true", "Log a line for each failed delivery, at most 100 a second, then a line with the count of the rest.", toggle(&c.Log.Failures))
}

// registerWeb takes exporter-toolkit's flags and gives them our values, so that
// they are checked and reported like the others, and help that fits.
func (f *flags) registerWeb() {
	c := &f.cfg.Web
	c.Toolkit = kingpinflag.AddFlags(f.app, ":9877")
	f.adopt("web.listen-address", "Address to listen on. Repeatable. :9877, [::1]:9877 or vsock://:9877.", list(c.Toolkit.WebListenAddresses))
	if f.app.GetFlag("web.systemd-socket") != nil { // Linux only
		f.adopt("web.systemd-socket", "Listen on the sockets that systemd passes, not on an address.", toggle(c.Toolkit.WebSystemdSocket))
	}
	f.adopt("web.config.file", "File with TLS, client certificates and basic auth, in the format of exporter-toolkit.", text(c.Toolkit.WebConfigFile)).PlaceHolder(placeFile).Default()
	f.add("web.external-url", "", "URL under which people reach the exporter, such as through a reverse proxy. Its path stands before every link of the pages.", text(&f.raw.externalURL)).PlaceHolder("URL")
	f.add("web.route-prefix", "", "Path before every route of the exporter. By default the path of --web.external-url; / where the proxy takes that off.", text(&f.raw.routePrefix)).PlaceHolder("PATH")
	f.add("web.telemetry-path", "/metrics", "Path of the metrics, behind --web.route-prefix.", text(&c.TelemetryPath))
	f.add("web.show-response-body", "", "Keep the first 1 KiB of what a receiver answered to a delivery that failed, and show it on the pages. It may hold secrets.", toggle(&c.ShowBody))
	f.add("web.enable-pprof", "", "Serve the Go profiler on /debug/pprof/.", toggle(&c.EnablePprof))
}
