package bench

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/simulator"
)

// naiveEnv is the URL of the API. If it is set, this binary runs the naive exporter.
const naiveEnv = "OMEGASTREAM_BENCH_NAIVE"

// naive is the exporter that everyone writes first: each scrape reads all lists and fetches
// all details, and shows their number by status code.
type naive struct {
	api       *client.Client
	endpoints []string // empty for all endpoints of the account
}

// ServeHTTP implements http.Handler.
func (n *naive) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	registry := prometheus.NewRegistry()
	deliveries := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "webhook_deliveries", Help: "x"}, []string{"endpoint_id", "event_type", "status_code"})
	registry.MustRegister(deliveries)
	if err := n.collect(r.Context(), deliveries); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
}

func (n *naive) collect(ctx context.Context, deliveries *prometheus.GaugeVec) error {
	endpoints := n.endpoints
	if endpoints == nil {
		list, err := n.api.ListEndpoints(ctx)
		if err != nil {
			return err
		}
		for _, e := range list.Endpoints {
			endpoints = append(endpoints, e.ID)
		}
	}
	for _, endpoint := range endpoints {
		list, err := n.api.ListEvents(ctx, endpoint)
		if err != nil {
			return err
		}
		var events []string
		for ev := range list.Events() {
			events = append(events, string(ev.ID))
		}
		if list.Err() != nil {
			return list.Err()
		}
		var failed atomic.Pointer[error]
		atATime(client.DefaultConcurrency, len(events), func(i int) {
			ev, err := n.api.GetEvent(ctx, endpoint, events[i])
			switch {
			case err != nil:
				failed.Store(&err)
			case ev.Response == nil:
				err = fmt.Errorf("%s has no response", events[i])
				failed.Store(&err)
			default:
				deliveries.WithLabelValues(endpoint, ev.Type, fmt.Sprint(ev.Response.StatusCode)).Inc()
			}
		})
		if err := failed.Load(); err != nil {
			return *err
		}
	}
	return nil
}

// serveNaive runs the naive exporter as a separate process, until it is killed.
func serveNaive(url string) error {
	api, err := client.New(url, client.StaticKey(simulator.DefaultKey), client.Options{})
	if err != nil {
		return err
	}
	s := httptest.NewServer(&naive{api: api})
	fmt.Printf("msg=%q address=%s\n", "Listening on", s.Listener.Addr())
	select {}
}
