package collector

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"omegastream_exporter/internal/ledger"
)

// Labels that several families share.
const (
	labelEndpoint  = "endpoint_id"
	labelType      = "event_type"
	labelCode      = "status_code"
	labelReason    = "reason"
	labelOperation = "operation"
)

var (
	eventsTotal = counter("webhook_events_total",
		"Events that the API has listed for an endpoint since the first contact (GET /client/webhooks/:id), by type.",
		labelEndpoint, labelType)
	deliveriesTotal = counter("webhook_deliveries_total",
		"Outcomes of deliveries by response.status_code (GET /client/webhooks/:id/events/:eid); none: no HTTP response.",
		labelEndpoint, labelType, labelCode)
	failuresTotal = counter("webhook_delivery_failures_total",
		"Outcomes of deliveries whose response.status_code is not 2xx; none: no HTTP response. A subset of webhook_deliveries_total.",
		labelEndpoint, labelType, labelCode)
	noResponseTotal = counter("webhook_delivery_no_response_total",
		"Deliveries without an HTTP response, by the reason that response.message gives.",
		labelEndpoint, labelReason)
	recoveriesTotal = counter("webhook_delivery_recoveries_total",
		"Failed deliveries whose response.status_code later became 2xx.",
		labelEndpoint, labelType)
	unresolvedTotal = counter("webhook_events_unresolved_total",
		"Events whose outcome cannot be learned: the API no longer has the event, or still has no outcome after the window.",
		labelEndpoint, labelType)
	latencySeconds = histogram("webhook_delivery_latency_seconds",
		"Seconds from an event's created until the exporter first saw its HTTP response: an upper bound of the delivery's latency.",
		labelEndpoint)
	listGapsTotal = counter("omegastream_exporter_list_gaps_total",
		"Number of times that a list started after the newest known event, so that the exporter may have missed events in between.",
		labelEndpoint)
)

func counterFamilies() []*Family {
	return []*Family{eventsTotal, deliveriesTotal, failuresTotal, noResponseTotal, recoveriesTotal, unresolvedTotal, latencySeconds, listGapsTotal}
}

// metricCache caches the metrics of an endpoint's counters until one of them changes; most
// scrapes change none.
type metricCache struct {
	mu      sync.Mutex
	metrics map[*ledger.Counters][]prometheus.Metric
}

// of returns the metrics of the counters of all endpoints in a view.
func (c *metricCache) of(v *ledger.View) [][]prometheus.Metric {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := make(map[*ledger.Counters][]prometheus.Metric, len(v.Endpoints))
	all := make([][]prometheus.Metric, len(v.Endpoints))
	for i, e := range v.Endpoints {
		metrics, ok := c.metrics[e.Counters]
		if !ok {
			metrics = counterMetrics(e.ID, e.Counters)
		}
		next[e.Counters] = metrics
		all[i] = slices.Concat(metrics, failureMetrics(e.ID, e.Counters))
	}
	c.metrics = next
	return all
}

// failureMetrics returns the metrics with an exemplar. They are not cached, because writing
// one modifies it, and concurrent scrapes must not share it.
func failureMetrics(id string, c *ledger.Counters) []prometheus.Metric {
	var metrics []prometheus.Metric
	for _, s := range c.All {
		if s.Exemplar != nil {
			metrics = append(metrics, withExemplar(counterMetric(failuresTotal, s, id, s.Type, s.Code.String()), s.Exemplar))
		}
	}
	return metrics
}

// counterMetrics returns the metrics without an exemplar.
func counterMetrics(id string, c *ledger.Counters) []prometheus.Metric {
	var metrics []prometheus.Metric
	add := func(f *Family, s ledger.Counter, labels ...string) {
		metrics = append(metrics, counterMetric(f, s, labels...))
	}
	for _, s := range c.All {
		switch s.Kind {
		case ledger.CountEvents:
			add(eventsTotal, s, id, s.Type)
		case ledger.CountDeliveries:
			add(deliveriesTotal, s, id, s.Type, s.Code.String())
			if !s.Code.Success() && s.Exemplar == nil {
				add(failuresTotal, s, id, s.Type, s.Code.String())
			}
		case ledger.CountNoResponse:
			add(noResponseTotal, s, id, s.Reason.String())
		case ledger.CountRecoveries:
			add(recoveriesTotal, s, id, s.Type)
		case ledger.CountUnresolved:
			add(unresolvedTotal, s, id, s.Type)
		case ledger.CountGaps:
			add(listGapsTotal, s, id)
		}
	}
	if c.Latency != nil {
		metrics = append(metrics, latencyMetric(id, c.Latency))
	}
	return metrics
}

func counterMetric(f *Family, s ledger.Counter, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetricWithCreatedTimestamp(f.desc, prometheus.CounterValue, float64(s.Value), s.Born, labels...)
}

// withExemplar adds the newest failing event as an exemplar to a metric, unless its id is too
// long.
func withExemplar(m prometheus.Metric, e *ledger.Exemplar) prometheus.Metric {
	with, err := prometheus.NewMetricWithExemplars(m, prometheus.Exemplar{
		Value: 1, Labels: prometheus.Labels{"event_id": e.EventID}, Timestamp: e.Observed,
	})
	if err != nil {
		return m
	}
	return with
}

func latencyMetric(id string, l *ledger.Latency) prometheus.Metric {
	bounds := ledger.LatencyBounds()
	buckets := make(map[float64]uint64, len(bounds))
	total := uint64(0)
	for i, n := range l.Counts.Buckets {
		total += n
		if i < len(bounds) {
			buckets[bounds[i]] = total
		}
	}
	return prometheus.MustNewConstHistogramWithCreatedTimestamp(
		latencySeconds.desc, total, l.Counts.Sum, buckets, l.Born, id)
}

// seconds returns a time in Prometheus's unit.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
