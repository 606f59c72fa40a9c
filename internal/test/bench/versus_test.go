package bench

import (
	"math"
	"slices"
	"syscall"
	"testing"
	"time"
)

// fewest is the minimum number of rounds, as a single one says little.
const fewest = 3

// versus runs the exporter's work and the limit's in turn, and reports the medians and their
// ratio.
func versus(b *testing.B, product, limit func()) {
	b.Helper()
	var products, limits []float64
	round := func() {
		if len(products)%2 == 0 {
			products = append(products, took(product))
			limits = append(limits, took(limit))
		} else {
			limits = append(limits, took(limit))
			products = append(products, took(product))
		}
	}
	for b.Loop() {
		round()
	}
	for len(products) < fewest {
		round()
	}
	reportVersus(b, median(products), median(limits))
}

func reportVersus(b *testing.B, product, limit float64) {
	b.ReportMetric(product, "ns/op")
	b.ReportMetric(limit, "limit-ns/op")
	b.ReportMetric(product/limit, "x-limit")
}

func took(work func()) float64 {
	began := time.Now()
	work()
	return float64(time.Since(began))
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	values = slices.Sorted(slices.Values(values))
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// cpu returns the CPU time of this process, which says more than the clock on a busy machine.
func cpu() time.Duration {
	var use syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &use)
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// thousands abbreviates a number for the name of a benchmark.
func thousands(n int) string {
	switch {
	case n >= 1_000_000 && n%1_000_000 == 0:
		return itoa(n/1_000_000) + "M"
	case n >= 1000 && n%1000 == 0:
		return itoa(n/1000) + "k"
	}
	return itoa(n)
}
