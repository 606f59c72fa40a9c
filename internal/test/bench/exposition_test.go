package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/syncer"
)

var formats = []struct{ name, accept string }{
	{"text", "text/plain;version=0.0.4"},
	{"openmetrics", "application/openmetrics-text;version=1.0.0"},
	{"protobuf", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"},
}

// ready is an exporter that does not sync again, so scrapes only show its state. Each
// endpoint has about 115 series.
func ready(tb testing.TB, endpoints int) *rig {
	tb.Helper()
	r := newRig(tb, "http://127.0.0.1:1", state.NewMemory(), inMemory("[]"), syncer.Options{MinInterval: 24 * time.Hour, Pinned: true})
	now := time.Now()
	types := ledger.DocumentedTypes()
	var found []ledger.Found
	for i := range endpoints {
		found = append(found, ledger.Found{ID: string(objectID(i)), Meta: ledger.Meta{URL: "hooks.example.com", Events: types, Active: true}})
	}
	r.scrape()
	r.state.Do(func(a *ledger.Account) { a.List(found, now, now) })
	for _, f := range found {
		happen(r.state, f.ID, 0, 0, types, true, now)
		happen(r.state, f.ID, 0, 2*len(types), types, true, now)
	}
	answerAll(tb, r.state, now, oneInTenFails())
	r.scrape()
	return r
}

// seriesIn counts the series of an answer in the text format.
func seriesIn(text []byte) (n int) {
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), "#") {
			n++
		}
	}
	return n
}

// plainCounters returns the handler of a CounterVec with n series in total and the same
// labels, including the process metrics.
func plainCounters(n int) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "webhook_deliveries_total", Help: "x"}, []string{"endpoint_id", "event_type", "status_code"})
	registry.MustRegister(vec)
	for i := range n - 47 { // the process metrics are the rest
		vec.WithLabelValues(string(objectID(i/100)), "video.process_succeeded", fmt.Sprint(200+i%100)).Inc()
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// BenchmarkExposition exposes an account without news. The limit is a CounterVec with as many
// series.
func BenchmarkExposition(b *testing.B) {
	for _, endpoints := range []int{1, 7, 85, 870} {
		r := ready(b, endpoints)
		n := seriesIn(scrapeOf(r.handler, formats[0].accept).Body.Bytes())
		vec := plainCounters(n)
		for _, format := range formats {
			b.Run(fmt.Sprintf("endpoints=%d/%s", endpoints, format.name), func(b *testing.B) {
				size := scrapeOf(r.handler, format.accept).Body.Len()
				versus(b, func() { scrapeOf(r.handler, format.accept) }, func() { scrapeOf(vec, format.accept) })
				b.ReportMetric(float64(n), "series")
				b.ReportMetric(float64(size)/1e3, "kB")
			})
		}
	}
}
