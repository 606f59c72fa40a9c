package collector

import (
	"log/slog"
	"sync/atomic"
	"time"

	"omegastream_exporter/internal/gate"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/syncer"
)

// Options are the settings of an Exporter.
type Options struct {
	// Timeout is the deadline of a scrape whose request has none. Zero means 9.5s.
	Timeout time.Duration

	// TimeoutOffset is subtracted from the deadline of a request, but at least half of that
	// remains.
	TimeoutOffset time.Duration

	// ExternalURL is the URL of the pages for people, without a trailing slash. Empty means
	// that it is unknown.
	ExternalURL string

	// Logger logs problems of scrapes. Nil discards them.
	Logger *slog.Logger
}

// Exporter serves the metrics of one account. It is safe for concurrent use.
type Exporter struct {
	syncer    *syncer.Syncer
	state     *state.State
	telemetry *Telemetry
	opts      Options
	log       *slog.Logger

	gate   *gate.Gate
	cache  metricCache
	gauges gaugeCache
	series atomic.Int64 // of the last scrape
	many   atomic.Bool  // whether the last scrape had very many series

	exposition exposition
	incomplete incomplete
}

// New returns an exporter of a state that a syncer keeps up to date. The telemetry must
// observe the syncer and its client, and watch the state.
func New(s *syncer.Syncer, st *state.State, t *Telemetry, o Options) *Exporter {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Timeout == 0 {
		o.Timeout = 9500 * time.Millisecond
	}
	t.LogTo(o.Logger)
	t.registry.MustRegister(stateCollector{st, s, o.ExternalURL})
	return &Exporter{syncer: s, state: st, telemetry: t, opts: o, log: o.Logger, gate: gate.New(maxWriters)}
}
