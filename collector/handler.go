package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"omegastream_exporter/internal/ledger"
)

const (
	timeoutHeader  = "X-Prometheus-Scrape-Timeout-Seconds"
	longestTimeout = 2 * time.Minute
	longestGrace   = 200 * time.Millisecond // for writing, after a scrape's deadline
	manySeries     = 50_000
)

// Handler returns the handler of the telemetry path.
func (e *Exporter) Handler() http.Handler {
	own := prometheus.NewRegistry() // promhttp's metrics about itself
	own.MustRegister(e.telemetry.registry)
	return promhttp.InstrumentMetricHandler(own, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.serve(w, r, own)
	}))
}

// serve answers one scrape. The collector that carries the request's context is
// gathered first, so that the exporter's own metrics tell of this scrape too.
func (e *Exporter) serve(w http.ResponseWriter, r *http.Request, own *prometheus.Registry) {
	began := e.book.Now()
	timeout, spare := scrapeTimeout(r.Header, e.opts)
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	s := &scrape{ctx: ctx, exporter: e, grace: min(spare/2, longestGrace)}
	registry := prometheus.NewRegistry()
	registry.MustRegister(s)
	out := &completion{ResponseWriter: w, log: e.log}
	promhttp.HandlerFor(joined{registry, own}, promhttp.HandlerOpts{
		ErrorLog:            out,
		ErrorHandling:       promhttp.ContinueOnError, // one bad series is no reason to hide the others
		Registry:            own,
		EnableOpenMetrics:   true,
		OfferedCompressions: []promhttp.Compression{promhttp.Identity, promhttp.Gzip},
	}).ServeHTTP(out, r)
	if s.view != nil && s.view.Awaited() && out.complete(r) {
		e.shown(s.view, began)
	}
	e.countSeries(s.series)
}

// joined gathers from registries whose families have different names.
// prometheus.Gatherers would check and sort all series of both a second time, which
// is a third of the time of a scrape.
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

// countSeries warns of very many series, once until they are fewer again.
func (e *Exporter) countSeries(n int) {
	many := n > manySeries
	if e.many.Swap(many) != many && many {
		e.log.Warn("A scrape has very many series, which Prometheus may limit", "series", n)
	}
}

// shown enters that a complete scrape has shown a view.
func (e *Exporter) shown(v *ledger.View, began time.Time) {
	e.book.Do(func(a *ledger.Account) { a.Shown(v, began) })
}

// scrapeTimeout returns how long a scrape may take: what the request says less an
// offset, but at least half of it, and what is spared so. A request that says
// nothing that makes sense has the default.
func scrapeTimeout(h http.Header, o Options) (timeout, spare time.Duration) {
	asked, err := strconv.ParseFloat(h.Get(timeoutHeader), 64)
	if err != nil || math.IsNaN(asked) || math.IsInf(asked, 0) || asked <= 0 {
		return o.Timeout, o.TimeoutOffset
	}
	limit := longestTimeout
	if asked < longestTimeout.Seconds() {
		limit = time.Duration(asked * float64(time.Second))
	}
	timeout = max(limit-o.TimeoutOffset, limit/2)
	return timeout, limit - timeout
}

// completion tells whether an answer had everything and could be written.
type completion struct {
	http.ResponseWriter
	log    *slog.Logger
	status int
	failed bool
}

// Println implements promhttp.Logger: it is told what could not be gathered or
// written.
func (c *completion) Println(v ...any) {
	c.failed = true
	c.log.Warn("A scrape is incomplete", "err", fmt.Sprint(v...))
}

func (c *completion) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *completion) Write(b []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	n, err := c.ResponseWriter.Write(b)
	if err != nil {
		c.failed = true
	}
	return n, err
}

// Unwrap lets http.ResponseController find the writer beneath.
func (c *completion) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// complete reports whether the client was sent everything that there is to show,
// as far as can be known here.
func (c *completion) complete(r *http.Request) bool {
	if r.Method != http.MethodGet || r.URL.Query().Has("name[]") || c.status != http.StatusOK || c.failed {
		return false
	}
	// A short answer is still buffered. Where it cannot be sent net/http ends the
	// request's context.
	_ = http.NewResponseController(c.ResponseWriter).Flush()
	return r.Context().Err() == nil
}
