package collector

import (
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"omegastream_exporter/internal/ledger"
)

// TestGaugeCache checks that the cache follows gauges that stay, change and disappear.
func TestGaugeCache(t *testing.T) {
	t.Parallel()
	var c gaugeCache
	view := func(pending int, types ...string) *ledger.View {
		e := &ledger.EndpointView{ID: "e", Contacted: true}
		for _, name := range types {
			e.Pending = append(e.Pending, ledger.TypeCount{Type: name, Count: pending})
		}
		return &ledger.View{Endpoints: []*ledger.EndpointView{e}}
	}
	pending := func(v *ledger.View) map[string]float64 {
		shown := make(map[string]float64)
		for _, m := range c.of(v, time.Unix(0, 0)) {
			var out dto.Metric
			if m.Desc() == pendingDeliveries.desc && m.Write(&out) == nil {
				shown[out.GetLabel()[1].GetValue()] = out.GetGauge().GetValue()
			}
		}
		return shown
	}
	metrics := func(v *ledger.View) []prometheus.Metric { return c.of(v, time.Unix(0, 0)) }

	if got := pending(view(1, "a", "b")); len(got) != 2 || got["a"] != 1 {
		t.Errorf("at first %v", got)
	}
	if !slices.Equal(metrics(view(1, "a", "b")), metrics(view(1, "a", "b"))) {
		t.Error("unchanged gauges are built again")
	}
	if got := pending(view(2, "a", "b")); got["a"] != 2 || got["b"] != 2 {
		t.Errorf("after a change %v", got)
	}
	if got := pending(view(2, "b")); len(got) != 1 || got["b"] != 2 {
		t.Errorf("after one is gone %v", got)
	}
	if got, kept := len(metrics(view(2, "b"))), len(c.kept); got != kept {
		t.Errorf("the cache has %d gauges, %d are shown", kept, got)
	}
	if metrics(&ledger.View{}); len(c.kept) != 0 {
		t.Errorf("the cache still has %d gauges of an endpoint that is gone", len(c.kept))
	}
}
