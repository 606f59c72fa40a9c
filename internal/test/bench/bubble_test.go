package bench

import (
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// inBubble measures on a fake clock, where hours pass in seconds. What it measures depends on
// that clock alone, so that once is enough however often the benchmark runs.
func inBubble(b *testing.B, measure func(t *testing.T)) {
	b.Helper()
	var once sync.Once // -count applies to the test as well
	test := testing.InternalTest{Name: b.Name(), F: func(t *testing.T) {
		once.Do(func() { synctest.Test(t, measure) })
	}}
	always := func(string, string) (bool, error) { return true, nil }
	if !testing.RunTests(always, []testing.InternalTest{test}) {
		b.FailNow()
	}
}

// percentile returns the value below which such a part of all values lies.
func percentile(values []float64, part float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return values[max(0, int(math.Ceil(float64(len(values))*part))-1)]
}
