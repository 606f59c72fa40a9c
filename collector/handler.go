package collector

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"omegastream_exporter/internal/gate"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/negotiate"
)

const (
	timeoutHeader  = "X-Prometheus-Scrape-Timeout-Seconds"
	longestTimeout = 2 * time.Minute
	longestGrace   = 200 * time.Millisecond // for writing, after a scrape's deadline
	manySeries     = 50_000
)

// Limits for the memory of scrapes that encode and write concurrently: the more series, the
// fewer scrapes. Those that still wait for the API use next to no memory.
const (
	maxWriters     = 40               // places
	seriesPerPlace = 500              // while an answer is encoded: about 300 KB
	bytesPerPlace  = 512 << 10        // while an encoded answer is written
	writeGrace     = 10 * time.Second // a scrape is cut off this long after its deadline
)

// Handler returns the handler of the telemetry path.
func (e *Exporter) Handler() http.Handler {
	own := prometheus.NewRegistry() // promhttp's own metrics
	own.MustRegister(e.telemetry.registry)
	return promhttp.InstrumentMetricHandler(own, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.serve(w, r, own)
	}))
}

// serve answers one scrape. It gathers the collector with the request's context first, so
// that the exporter's own metrics include this scrape.
func (e *Exporter) serve(w http.ResponseWriter, r *http.Request, own *prometheus.Registry) {
	began := e.state.Now()
	timeout, spare := scrapeTimeout(r.Header, e.opts, e.exposition.expected(e.state))
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	client, leave := context.WithTimeout(r.Context(), timeout+writeGrace)
	defer leave()
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(timeout + writeGrace)) // for a client that reads nothing
	out := &answer{header: make(http.Header)}
	to := &gate.Writer{ResponseWriter: w}
	s := &scrape{ctx: ctx, client: client, exporter: e, grace: min(spare/2, longestGrace), writer: to}
	registry := prometheus.NewRegistry()
	registry.MustRegister(s)
	var families []*dto.MetricFamily
	var err error
	encoder := promhttp.HandlerFor(prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return families, err }), promhttp.HandlerOpts{
		ErrorLog:            out,
		ErrorHandling:       promhttp.ContinueOnError, // one bad series must not hide the others
		Registry:            own,
		EnableOpenMetrics:   true,
		OfferedCompressions: []promhttp.Compression{promhttp.Identity, promhttp.Gzip},
	})
	families, err = joined{registry, own}.Gather()
	if s.pass == nil {
		http.Error(w, "Too many scrapes at once, try again later.", http.StatusServiceUnavailable)
		return
	}
	defer s.pass.Leave()
	e.countSeries(s.series)
	encoder.ServeHTTP(out, acceptable(r))
	families = nil // hold only the text for a slow client
	s.pass.Keep(1 + out.size()/bytesPerPlace)
	took := s.exposing()
	out.send(to)
	if out.err == "" { // a slow client does not count
		took = s.exposing()
	}
	e.exposition.learn(took)
	if s.view != nil && s.view.Awaited() && out.complete(to, r) {
		e.shown(s.view, began)
	}
	if out.err != "" {
		e.incomplete.report(e.log, out.err, r.Context().Err() != nil)
	}
}

// exposing returns how long the scrape has been working on its answer.
func (s *scrape) exposing() time.Duration { return time.Since(s.waited) - s.queued }

// acceptable returns the request with a header from which promhttp can choose an encoding. Of
// the encodings that a client accepts only gzip matters. A client that accepts none gets the
// plain text.
func acceptable(r *http.Request) *http.Request {
	gzip := negotiate.Gzip(r.Header)
	r = r.Clone(r.Context())
	r.Header.Del("Accept-Encoding")
	if gzip {
		r.Header.Set("Accept-Encoding", "gzip")
	}
	return r
}

// joined gathers from registries whose families have different names. prometheus.Gatherers
// would check and sort all series again, which takes a third of the time of a scrape.
type joined []prometheus.Gatherer

// Gather implements prometheus.Gatherer.
func (j joined) Gather() ([]*dto.MetricFamily, error) {
	var all []*dto.MetricFamily
	var errs []error
	for _, g := range j {
		families, err := g.Gather()
		all, errs = append(all, families...), append(errs, err)
	}
	slices.SortFunc(all, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return all, errors.Join(errs...)
}

// expectedSeries is the expected number of series of the next scrape. Before the first one it
// is so large that this scrape runs alone.
func (e *Exporter) expectedSeries() int {
	if n := e.series.Load(); n > 0 {
		return int(n)
	}
	return manySeries
}

// countSeries warns about very many series, once until there are fewer.
func (e *Exporter) countSeries(n int) {
	e.series.Store(int64(n))
	many := n > manySeries
	if e.many.Swap(many) != many && many {
		e.log.Warn("A scrape has very many series; Prometheus can reject it", "series", n)
	}
}

// shown records that a complete scrape has shown a view.
func (e *Exporter) shown(v *ledger.View, began time.Time) {
	e.state.Do(func(a *ledger.Account) { a.Shown(v, began) })
}

// scrapeTimeout returns how long a scrape can wait: the request's timeout minus an offset and
// the expected time of the exposition, but at least half of it. spare is what is left besides
// both. A request without a valid timeout gets the default.
func scrapeTimeout(h http.Header, o Options, exposition time.Duration) (timeout, spare time.Duration) {
	asked, err := strconv.ParseFloat(h.Get(timeoutHeader), 64)
	if err != nil || math.IsNaN(asked) || math.IsInf(asked, 0) || asked <= 0 {
		return max(o.Timeout-exposition, o.Timeout/2), o.TimeoutOffset
	}
	limit := longestTimeout
	if asked < longestTimeout.Seconds() {
		limit = time.Duration(asked * float64(time.Second))
	}
	timeout = max(limit-o.TimeoutOffset-exposition, limit/2)
	return timeout, max(limit-timeout-exposition, 0)
}

// incomplete logs incomplete scrapes, once a minute.
type incomplete struct {
	mu        sync.Mutex
	next      time.Time
	unwritten int
}

func (i *incomplete) report(log *slog.Logger, err string, left bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := time.Now()
	if now.Before(i.next) {
		i.unwritten++
		return
	}
	if i.unwritten > 0 {
		log = log.With("unwritten", i.unwritten)
	}
	if left {
		log.Warn("A client cancelled its scrape", "err", err)
	} else {
		log.Warn("A scrape is incomplete", "err", err)
	}
	i.next, i.unwritten = now.Add(time.Minute), 0
}
