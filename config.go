package main

import (
	"log/slog"
	"net/url"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
)

// config is the checked configuration. Its fields follow the flags' names, and
// parse is the only one to make it: whoever holds one need not check again.
type config struct {
	api       apiConfig
	webhook   webhookConfig
	collector collectorConfig
	state     stateConfig
	from      stateConfig // of state copy: what to copy
	web       webConfig
	log       logConfig
	demo      bool // the API and the key are the simulator's; state.kind is stateMemory
}

type apiConfig struct {
	url           *url.URL      // http or https, lower-case host, no slash at the end; never with a user
	key           secret        // from OMEGASTREAM_API_KEY; empty with keyFile and with demo
	keyFile       string        // empty: key is used
	timeout       time.Duration // > 0
	maxListEvents int           // > 0
	concurrency   int           // 1 to 1024
	rateLimit     float64       // requests a second, 0 = none
	allowInsecure bool
}

type webhookConfig struct {
	endpointIDs []string // empty: all of the account
	urlDetail   string   // host, path or none
}

type collectorConfig struct {
	window          time.Duration // 1h to 31d
	overlap         time.Duration // > 0, at most window/2
	noResponseAfter time.Duration // > 0
	holdNewSeries   time.Duration // 0 = off
	minInterval     time.Duration // 0 = never share
	timeout         time.Duration // > 0, at most 2m
	timeoutOffset   time.Duration // >= 0, under timeout
}

type stateKind int

const (
	stateFile stateKind = iota
	stateMemory
	statePostgres
)

type stateConfig struct {
	kind   stateKind
	path   string // of stateFile, as given
	dsn    secret // of statePostgres, the URL as given
	schema string // of statePostgres
}

type webConfig struct {
	toolkit       *web.FlagConfig
	externalURL   *url.URL // nil where it was not given
	routePrefix   string   // before every route: empty, or /path without a slash at its end
	telemetryPath string
	enablePprof   bool
	showBody      bool // what receivers answered, on the pages
}

type logConfig struct {
	level  string // debug, info, warn or error
	format string // logfmt or json
}

// secret is a text that does not show itself, whatever prints it. It holds a
// pointer because fmt calls no methods on the unexported fields of a struct: a
// config printed by mistake then shows an address.
type secret struct{ text *string }

func newSecret(text string) secret { return secret{&text} }

// reveal returns the text, empty for the zero secret.
func (s secret) reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String implements fmt.Stringer.
func (s secret) String() string { return "[redacted]" }

// LogValue implements slog.LogValuer.
func (s secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
