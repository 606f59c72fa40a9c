package collector

import (
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/syncer"
)

var (
	apiRequests = counter("omegastream_api_requests_total",
		"Requests to the API by status code; none: no answer.", labelOperation, "code")
	apiDuration = histogram("omegastream_api_request_duration_seconds",
		"Duration of requests to the API in seconds, for list_events until the end of the header.", labelOperation)
	apiWait = counter("omegastream_api_rate_limit_wait_seconds_total",
		"Seconds that requests to the API waited for --api.rate-limit or for a Retry-After.", labelOperation)
	apiRetries = counter("omegastream_api_retries_total",
		"Retries of requests to the API.", labelOperation)
	syncs = counter("omegastream_exporter_syncs_total",
		"Syncs by result: success, partial (some endpoints failed) or error.", "result")
	syncDuration = histogram("omegastream_exporter_sync_duration_seconds",
		"Duration of syncs in seconds. A sync is one pass over all lists.")
	deadlineExceeded = counter("omegastream_exporter_scrape_deadline_exceeded_total",
		"Scrapes answered at their deadline, before their sync or the details of its new events were complete.")
	invalidPayloads = counter("omegastream_exporter_invalid_payloads_total",
		"Elements in answers of the API that were invalid: skipped, or used with another time.", labelOperation)
	commitFailures = counter("omegastream_exporter_state_commit_failures_total",
		"Failed attempts to write the state. Metrics keep the values that were last written.")
	commitDuration = histogram("omegastream_exporter_state_commit_duration_seconds",
		"Duration of commits to the state in seconds.")
)

var telemetryFamilies = []*Family{
	apiRequests, apiDuration, apiWait, apiRetries, syncs, syncDuration, deadlineExceeded,
	invalidPayloads, commitFailures, commitDuration,
}

// Telemetry measures the exporter's own work. It observes the client and the syncer and
// watches the state, so create it before them. It is safe for concurrent use.
type Telemetry struct {
	registry *prometheus.Registry

	requests, failed atomic.Uint64 // of API requests, for people
	log              atomic.Pointer[slog.Logger]

	apiRequests      *prometheus.CounterVec
	apiDuration      *prometheus.HistogramVec
	apiWait          *prometheus.CounterVec
	apiRetries       *prometheus.CounterVec
	syncs            *prometheus.CounterVec
	syncDuration     prometheus.Histogram
	deadlineExceeded prometheus.Counter
	invalidPayloads  *prometheus.CounterVec
	commitFailures   prometheus.Counter
	commitDuration   prometheus.Histogram
}

// NewTelemetry returns metrics of the exporter's own work, at 0, including those of the
// process and the Go runtime.
func NewTelemetry() *Telemetry {
	durations := apiDuration.histogramOpts([]float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10})
	durations.NativeHistogramBucketFactor = 1.1
	durations.NativeHistogramMaxBucketNumber = 100
	durations.NativeHistogramMinResetDuration = time.Hour
	t := &Telemetry{
		registry:         prometheus.NewPedanticRegistry(),
		apiRequests:      prometheus.NewCounterVec(apiRequests.counterOpts(), apiRequests.Labels),
		apiDuration:      prometheus.NewHistogramVec(durations, apiDuration.Labels),
		apiWait:          prometheus.NewCounterVec(apiWait.counterOpts(), apiWait.Labels),
		apiRetries:       prometheus.NewCounterVec(apiRetries.counterOpts(), apiRetries.Labels),
		syncs:            prometheus.NewCounterVec(syncs.counterOpts(), syncs.Labels),
		syncDuration:     prometheus.NewHistogram(syncDuration.histogramOpts([]float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300})),
		deadlineExceeded: prometheus.NewCounter(deadlineExceeded.counterOpts()),
		invalidPayloads:  prometheus.NewCounterVec(invalidPayloads.counterOpts(), invalidPayloads.Labels),
		commitFailures:   prometheus.NewCounter(commitFailures.counterOpts()),
		commitDuration:   prometheus.NewHistogram(commitDuration.histogramOpts([]float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5})),
	}
	t.registry.MustRegister(
		t.apiRequests, t.apiDuration, t.apiWait, t.apiRetries, t.syncs, t.syncDuration,
		t.deadlineExceeded, t.invalidPayloads, t.commitFailures, t.commitDuration,
		versioncollector.NewCollector("omegastream_exporter"),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	t.zero()
	return t
}

// zero creates all known label sets, so that increase() sees their first increment.
func (t *Telemetry) zero() {
	for _, op := range []client.Operation{client.OpListEndpoints, client.OpListEvents, client.OpGetEvent} {
		for _, code := range []string{"200", "401", "403", "429", "500", codeNoAnswer} {
			t.apiRequests.WithLabelValues(string(op), code)
		}
		t.apiDuration.WithLabelValues(string(op))
		t.apiWait.WithLabelValues(string(op))
		t.apiRetries.WithLabelValues(string(op))
		t.invalidPayloads.WithLabelValues(string(op))
	}
	for _, r := range syncer.Results() {
		t.syncs.WithLabelValues(string(r))
	}
}

// codeNoAnswer is the code of a request without an answer.
const codeNoAnswer = "none"

// Request implements client.Observer.
func (t *Telemetry) Request(op client.Operation, code int, d time.Duration) {
	label := codeNoAnswer
	if code != 0 {
		label = strconv.Itoa(code)
	}
	t.requests.Add(1)
	if code < 200 || code > 299 {
		t.failed.Add(1)
	}
	t.apiRequests.WithLabelValues(string(op), label).Inc()
	t.apiDuration.WithLabelValues(string(op)).Observe(d.Seconds())
}

// RateLimitWait implements client.Observer.
func (t *Telemetry) RateLimitWait(op client.Operation, d time.Duration) {
	t.apiWait.WithLabelValues(string(op)).Add(d.Seconds())
}

// Retry implements client.Observer.
func (t *Telemetry) Retry(op client.Operation) { t.apiRetries.WithLabelValues(string(op)).Inc() }

// Committed implements state.Watcher.
func (t *Telemetry) Committed(took time.Duration) { t.commitDuration.Observe(took.Seconds()) }

// CommitFailed implements state.Watcher.
func (t *Telemetry) CommitFailed(error) { t.commitFailures.Inc() }

// LoadedAnew implements state.Watcher.
func (t *Telemetry) LoadedAnew(cause error) {
	if log := t.log.Load(); log != nil {
		log.Info("Loaded the state again; fetching what was not written", "reason", cause)
	}
}

// LogTo sets the logger for events of the state.
func (t *Telemetry) LogTo(log *slog.Logger) { t.log.Store(log) }

// Waiting implements state.Watcher.
func (t *Telemetry) Waiting(cause error) {
	if log := t.log.Load(); log != nil {
		log.Warn("The state cannot be opened yet; waiting for it", "err", cause)
	}
}

// Synced implements syncer.Observer.
func (t *Telemetry) Synced(r syncer.Result, took time.Duration) {
	t.syncs.WithLabelValues(string(r)).Inc()
	t.syncDuration.Observe(took.Seconds())
}

// Invalid implements syncer.Observer.
func (t *Telemetry) Invalid(op client.Operation, n int) {
	t.invalidPayloads.WithLabelValues(string(op)).Add(float64(n))
}

// Requests returns the number of API requests since the start, and of those without a 2xx
// answer.
func (t *Telemetry) Requests() (all, failed uint64) { return t.requests.Load(), t.failed.Load() }
