package bench

import (
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// inBubble runs a measurement with a fake clock, on which hours pass in seconds. It measures
// once, however often the benchmark runs, because the results depend only on that clock.
func inBubble(b *testing.B, measure func(t *testing.T)) {
	b.Helper()
	var once sync.Once // -count applies to the test too
	test := testing.InternalTest{Name: b.Name(), F: func(t *testing.T) {
		once.Do(func() { synctest.Test(t, measure) })
	}}
	always := func(string, string) (bool, error) { return true, nil }
	if !testing.RunTests(always, []testing.InternalTest{test}) {
		b.FailNow()
	}
}

// percentile returns the value below which that part of all values lies.
func percentile(values []float64, part float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return values[max(0, int(math.Ceil(float64(len(values))*part))-1)]
}
