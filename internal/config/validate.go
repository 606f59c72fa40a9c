package config

import (
	"net"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	minWindow      = time.Hour
	maxWindow      = 31 * 24 * time.Hour
	maxTimeout     = 2 * time.Minute
	maxConcurrency = 1024
)

// validate checks the combination of flags, and rejects every problem. Only this function
// decides what a command needs.
func (f *flags) validate(command Command) {
	if command == Healthcheck {
		// A running exporter has checked the rest, and its files can be missing here.
		f.validatePrefix()
		f.validateAddresses()
		f.validateHealthcheck()
		return
	}
	f.checkEnvironment()
	f.validateDemo(command)
	f.validateAPI()
	f.validateState(command)
	if command == ResetCounters || command == CopyState {
		return // these commands call no API and serve nothing
	}
	f.validateKey()
	f.validateWebhook()
	f.validateCollector()
	f.validateWeb()
}

// validateDemo refuses what the demo would ignore. A key in the environment is allowed,
// because many people always have one there.
func (f *flags) validateDemo(command Command) {
	if !f.cfg.Demo {
		return
	}
	if command == ResetCounters || command == CopyState {
		f.reject("demo", "keeps its state in memory, so there is none to change; leave it out")
		return
	}
	for _, name := range []string{"api.url", "api.key-file", "state.url", "state.url-file"} {
		if f.given(name) {
			f.reject(name, "cannot be combined with --demo, which simulates the account and keeps its state in memory; use only one of them")
		}
	}
}

func (f *flags) validateAPI() {
	c := &f.cfg.API
	if u, problem := parseAPIURL(f.raw.apiURL, c.AllowInsecure); problem != "" {
		f.reject("api.url", "%s", problem)
	} else {
		c.URL = u
	}
	f.validateProxy()
	f.positive("api.timeout", c.Timeout)
	if c.MaxListEvents <= 0 {
		f.reject("api.max-list-events", "must be at least 1, not %d", c.MaxListEvents)
	}
	if c.Concurrency < 1 || c.Concurrency > maxConcurrency {
		f.reject("api.concurrency", "must be 1 to %d, not %d", maxConcurrency, c.Concurrency)
	}
	if c.RateLimit < 0 {
		f.reject("api.rate-limit", "must be 0 (no limit) or more requests a second, not %g", c.RateLimit)
	}
}

// parseAPIURL returns the URL, or what is wrong with it. The problem repeats neither the URL,
// which can contain a password, nor the error of url.Parse, which quotes it.
func parseAPIURL(raw string, allowInsecure bool) (u *url.URL, problem string) {
	const example = "write it like https://api.omegastream.net/company"
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, "cannot be read as a URL; " + example
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, "is not an absolute http or https URL; " + example
	case u.Hostname() == "":
		return nil, "has no host; " + example
	case u.User != nil:
		return nil, "must not contain a user or password; the API takes a key, from " + EnvKey + " or --api.key-file"
	case strings.ContainsAny(raw, "?#"):
		return nil, "must not have a query or fragment; " + example
	case !validPort(u.Port()):
		return nil, "has a port that is not 1 to 65535; " + example
	case u.Scheme == "http" && !isLoopback(u.Hostname()) && !allowInsecure:
		return nil, "would send the API key unencrypted to another host; use https, or accept that with --api.allow-insecure"
	}
	// The state belongs to the URL, so different spellings must not count as different
	// accounts.
	u.Host = strings.ToLower(u.Host)
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	return u, ""
}

// validPort accepts the empty port, which means the scheme's default.
func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

func isLoopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	return strings.EqualFold(strings.TrimSuffix(host, "."), "localhost")
}

func (f *flags) validateWebhook() {
	var seen []string
	for _, id := range f.cfg.Webhook.EndpointIDs {
		switch {
		case strings.ContainsAny(id, "/?# \t"):
			// The error does not repeat a webhook's URL, which can be a secret.
			f.reject("webhook.endpoint-id", "takes the id of a webhook endpoint, not its URL; GET /client/webhooks/all lists the ids")
		case slices.Contains(seen, id):
			f.reject("webhook.endpoint-id", "%q is given twice; remove one", id)
		}
		seen = append(seen, id)
	}
}

func (f *flags) validateCollector() {
	c := &f.cfg.Collector
	if c.Window < minWindow || c.Window > maxWindow {
		f.reject("collector.window", "must be 1h to 31d, not %s", words(c.Window))
	}
	f.positive("collector.overlap", c.Overlap)
	if f.ok("collector.window") && c.Overlap > c.Window/2 {
		f.reject("collector.overlap", "must be at most half of --collector.window, %s, not %s", words(c.Window/2), words(c.Overlap))
	}
	f.positive("collector.no-response-after", c.NoResponseAfter)
	if f.ok("collector.window") && c.CountSince > c.Window {
		f.reject("collector.count-since", "must be at most --collector.window, %s, not %s", words(c.Window), words(c.CountSince))
	}
	if c.MaxBacklog < 1 {
		f.reject("collector.max-backlog", "must be at least 1, not %d", c.MaxBacklog)
	}
	f.positive("collector.timeout", c.Timeout)
	if c.Timeout > maxTimeout {
		f.reject("collector.timeout", "must be at most 2m, not %s", words(c.Timeout))
	}
	if f.ok("collector.timeout") && c.TimeoutOffset >= c.Timeout {
		f.reject("collector.timeout-offset", "must be less than --collector.timeout, %s, not %s", words(c.Timeout), words(c.TimeoutOffset))
	}
}

func (f *flags) positive(name string, d time.Duration) {
	if d <= 0 {
		f.reject(name, "must be greater than 0")
	}
}

// plainPath matches paths that need no escaping, neither in a pattern of http.ServeMux nor in
// a link.
var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`)

func (f *flags) validateWeb() {
	c := &f.cfg.Web
	f.validatePrefix()
	switch p := c.TelemetryPath; {
	case !plainPath.MatchString(p) || path.Clean(p) != p:
		f.reject("web.telemetry-path", "%q is not a plain path below /; write it like /metrics", p)
	case reservedPath(p):
		f.reject("web.telemetry-path", "%q is taken by a page of the exporter; write it like /metrics", p)
	}
	if err := CheckWebFile(*c.Toolkit.WebConfigFile); err != nil {
		f.reject("web.config.file", "%w", err)
	}
	if !*c.Toolkit.WebSystemdSocket { // which replaces the addresses
		f.validateAddresses()
	}
}

func (f *flags) validateAddresses() {
	for _, address := range *f.cfg.Web.Toolkit.WebListenAddresses {
		if !validAddress(address) {
			f.reject("web.listen-address", "%q is not an address and port; write it like :9877 or 127.0.0.1:9877", address)
		}
	}
}

// validateHealthcheck refuses addresses that healthcheck cannot connect to.
func (f *flags) validateHealthcheck() {
	switch addresses := f.cfg.Web.TCPAddresses(); {
	case *f.cfg.Web.Toolkit.WebSystemdSocket && !f.given("web.listen-address"):
		f.reject("web.systemd-socket", "leaves the address to systemd; name it for healthcheck with --web.listen-address")
	case len(addresses) == 0:
		f.reject("web.listen-address", "healthcheck cannot connect over vsock; let the exporter also listen on an address like 127.0.0.1:9877")
	default:
		for _, address := range addresses {
			if strings.HasSuffix(address, ":0") {
				f.reject("web.listen-address", "%q lets the system choose a port; name the chosen one for healthcheck", address)
			}
		}
	}
}

// validatePrefix sets the external URL and the prefix of routes.
func (f *flags) validatePrefix() {
	c := &f.cfg.Web
	if f.given("web.external-url") {
		u, err := url.Parse(f.raw.externalURL)
		const example = "write it like https://monitoring.example.com/omegastream"
		switch {
		case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", !validPort(u.Port()):
			f.reject("web.external-url", "is not an absolute http or https URL; "+example)
			return
		case u.User != nil, strings.ContainsAny(f.raw.externalURL, "?#"):
			f.reject("web.external-url", "must not have a user, query or fragment; "+example)
			return
		case !plainPrefix(u.Path):
			f.reject("web.external-url", "has a path that is not plain; "+example)
			return
		}
		c.ExternalURL = u
		c.RoutePrefix = strings.TrimRight(u.Path, "/")
	}
	if f.given("web.route-prefix") {
		if !plainPrefix(f.raw.routePrefix) {
			f.reject("web.route-prefix", "%q is not a plain path; write it like /omegastream, or / for none", f.raw.routePrefix)
			return
		}
		c.RoutePrefix = strings.TrimRight(f.raw.routePrefix, "/")
	}
}

// plainPrefix accepts a plain path with or without a slash at its end, and / alone.
func plainPrefix(p string) bool {
	p = strings.TrimSuffix(p, "/")
	return p == "" || plainPath.MatchString(p) && path.Clean(p) == p
}

func validAddress(address string) bool {
	rest, vsock := strings.CutPrefix(address, vsockPrefix)
	_, port, err := net.SplitHostPort(rest)
	if err != nil {
		return false
	}
	if vsock { // ports have 32 bits and no names
		_, err = strconv.ParseUint(port, 10, 32)
	} else {
		_, err = net.LookupPort("tcp", port)
	}
	return err == nil
}

// reservedPath reports whether p is, or is below, a path of the exporter.
func reservedPath(p string) bool {
	return slices.ContainsFunc([]string{"/-", "/endpoints", "/events", "/assets", "/debug/pprof"}, func(ours string) bool {
		return p == ours || strings.HasPrefix(p, ours+"/")
	})
}
