package collector

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"omegastream_exporter/internal/ledger"
)

// gaugeCache caches the metrics of gauges between scrapes. Most values do not change, and
// building a metric costs ten times as much as finding it.
type gaugeCache struct {
	mu      sync.Mutex
	kept    map[gaugeKey]keptGauge
	scrapes uint64
}

// gaugeKey is a gauge with its labels, up to as many as any family has.
type gaugeKey struct {
	family  *Family
	a, b, c string
}

type keptGauge struct {
	value  float64
	metric prometheus.Metric
	scrape uint64 // the last scrape with this gauge
}

// of returns the gauges of all endpoints in a view, by the clock of the scrape.
func (c *gaugeCache) of(v *ledger.View, now time.Time) []prometheus.Metric {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil {
		c.kept = make(map[gaugeKey]keptGauge)
	}
	c.scrapes++
	metrics := make([]prometheus.Metric, 0, len(c.kept))
	for _, e := range v.Endpoints {
		collectEndpoint(e, now, func(f *Family, value float64, a, b, third string) {
			key := gaugeKey{f, a, b, third}
			g, ok := c.kept[key]
			if !ok || g.value != value {
				g.value, g.metric = value, f.gaugeValue(value, []string{a, b, third}[:len(f.Labels)]...)
			}
			g.scrape = c.scrapes
			c.kept[key] = g
			metrics = append(metrics, g.metric)
		})
	}
	if len(c.kept) > len(metrics) { // an endpoint, a label or a value is gone
		for key, g := range c.kept {
			if g.scrape != c.scrapes {
				delete(c.kept, key)
			}
		}
	}
	return metrics
}
