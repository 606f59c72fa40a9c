package collector

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/simulator"
)

// TestSteadyState counts the requests of scrapes when nothing is new: one for the
// account, one for each endpoint, none for details, however long the history.
func TestSteadyState(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA, endpointB, endpointC)
		a.Bulk(endpointA, 2000, 20*time.Second)
		r := start(t, a, setup{})
		r.scrape()
		time.Sleep(time.Minute) // the details of history
		for range 10 {
			a.ResetCalls()
			r.scrapes(1, 15*time.Second).want(t, map[string]string{"omegastream_up": "1"})
			calls := a.Calls()
			if calls.Requests[simulator.ListEndpoints] != 1 || calls.Requests[simulator.ListEvents] != 3 || calls.Total() != 4 {
				t.Fatalf("%v", calls.Requests)
			}
			for id, n := range calls.Lists {
				if n != 1 {
					t.Errorf("%d lists of %s", n, id)
				}
			}
		}
	})
}

// overLoopback serves an account and starts an exporter of it.
func overLoopback(b *testing.B, a *simulator.Account) *rig {
	b.Helper()
	url, stop, err := simulator.Serve(a)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(stop)
	telemetry := NewTelemetry()
	api, err := client.New(url, client.StaticKey(simulator.DefaultKey), client.Options{Observer: telemetry})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(api.CloseIdleConnections)
	book, _, err := ledger.Open(b.Context(), ledger.NewMemory(), url, ledger.Policy{
		Window: 31 * 24 * time.Hour, Overlap: 15 * time.Minute, NoResponseAfter: 10 * time.Minute,
	}, telemetry)
	if err != nil {
		b.Fatal(err)
	}
	r := &rig{TB: b, Account: a, log: new(logBuffer), book: book}
	r.exporter = New(api, book, telemetry, Options{Logger: newTextLogger(r.log)})
	r.handler = r.exporter.Handler()
	b.Cleanup(r.stop)
	return r
}

// BenchmarkScrapeSteady is a scrape when nothing is new, by the length of history.
// The details of history are refused, so that the drain rests.
func BenchmarkScrapeSteady(b *testing.B) {
	for _, events := range []int{1_000, 10_000, 1_000_000} {
		b.Run(fmt.Sprintf("events=%d", events), func(b *testing.B) {
			a := newAccount(simulator.Options{}, endpointA)
			a.Bulk(endpointA, events, 2*time.Second)
			a.AddFault(simulator.Fault{Operation: simulator.GetEvent, Do: simulator.Status(http.StatusBadRequest, "")})
			r := overLoopback(b, a)
			r.scrape()
			runtime.GC()
			a.ResetCalls()
			b.ReportAllocs()
			for b.Loop() {
				r.answer()
			}
			calls := a.Calls()
			b.ReportMetric(float64(calls.Requests[simulator.ListEndpoints]+calls.Requests[simulator.ListEvents])/float64(b.N), "lists/op")
		})
	}
}

// largeAccount is an exporter that shows about 1,000 series, and how many.
func largeAccount(b *testing.B) (*rig, int) {
	a := newAccount(simulator.Options{})
	for range 13 {
		id := a.AddEndpoint(simulator.Endpoint{Active: true, Events: simulator.EventTypes[4:8], CreatedAt: time.Now().Add(-time.Hour)})
		for i, typ := range simulator.EventTypes[4:8] {
			a.Emit(id, typ, simulator.Responded(200+100*i))
		}
	}
	r := start(b, a, setup{options: Options{MinInterval: time.Hour}})
	r.scrape()
	time.Sleep(100 * time.Millisecond) // history
	r.scrape()
	s := &scrape{ctx: b.Context(), exporter: r.exporter}
	gather(b, s)
	return r, s.series
}

func gather(b *testing.B, c prometheus.Collector) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	w := httptest.NewRecorder()
	w.Body = nil
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
}

// BenchmarkExposition holds the exposition of an account against that of counters
// that are kept ready, as many and with as many labels.
func BenchmarkExposition(b *testing.B) {
	b.Run("account", func(b *testing.B) {
		r, n := largeAccount(b)
		b.ReportAllocs()
		for b.Loop() {
			gather(b, &scrape{ctx: b.Context(), exporter: r.exporter})
		}
		b.ReportMetric(float64(n), "series")
	})
	b.Run("CounterVec", func(b *testing.B) {
		_, n := largeAccount(b)
		vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "webhook_deliveries_total", Help: "x"}, []string{labelEndpoint, labelType, labelCode})
		for i := range n {
			vec.WithLabelValues(fmt.Sprintf("%024d", i/75), failedType, fmt.Sprint(100+i%75)).Inc()
		}
		b.ReportAllocs()
		for b.Loop() {
			gather(b, vec)
		}
		b.ReportMetric(float64(n), "series")
	})
}
