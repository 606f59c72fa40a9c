package e2e

import (
	"testing"
	"time"
)

// The exporter keeps less garbage than Go programs do by default. GOGC takes precedence.
func TestGarbage(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		gogc string
		want float64
	}{
		"by default": {"", 75},
		"GOGC":       {"30", 30},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := count(t)
			c.env = append(c.env, "GOGC="+row.gogc)
			if got := c.serve(t).mustScrape(30 * time.Second).sum("go_gc_gogc_percent"); got != row.want {
				t.Errorf("%v percent, want %v", got, row.want)
			}
		})
	}
}
