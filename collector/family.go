package collector

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Family describes one metric family.
type Family struct {
	Name   string
	Type   string // counter, gauge or histogram
	Help   string
	Labels []string

	desc *prometheus.Desc
}

func newFamily(kind, name, help string, labels []string) *Family {
	return &Family{Name: name, Type: kind, Help: help, Labels: labels, desc: prometheus.NewDesc(name, help, labels, nil)}
}

func counter(name, help string, labels ...string) *Family {
	return newFamily("counter", name, help, labels)
}

func gauge(name, help string, labels ...string) *Family {
	return newFamily("gauge", name, help, labels)
}

func histogram(name, help string, labels ...string) *Family {
	return newFamily("histogram", name, help, labels)
}

// counterOpts and histogramOpts describe the exporter's direct metrics.

func (f *Family) counterOpts() prometheus.CounterOpts {
	return prometheus.CounterOpts{Name: f.Name, Help: f.Help}
}

func (f *Family) histogramOpts(buckets []float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{Name: f.Name, Help: f.Help, Buckets: buckets}
}

// gaugeValue returns a sample of a gauge.
func (f *Family) gaugeValue(v float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(f.desc, prometheus.GaugeValue, v, labels...)
}

// Families returns all families that the exporter names, in reading order: deliveries,
// endpoints, the API, the exporter itself. The standard ones (build_info, go_*, process_*,
// promhttp_*) are not included.
func Families() []Family {
	var all []Family
	for _, group := range [][]*Family{counterFamilies(), endpointFamilies(), accountFamilies, telemetryFamilies, stateFamilies} {
		for _, f := range group {
			all = append(all, *f)
		}
	}
	return slices.Clip(all)
}
