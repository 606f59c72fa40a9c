package collector

import (
	"sync"
	"time"

	"omegastream_exporter/internal/state"
)

// perCounter is about the time that exposing a counter, and its share of the gauges, takes on
// a small machine.
const perCounter = 15 * time.Microsecond

// headroom is how many of the longest recent expositions a scrape leaves time for. On a busy
// machine one can take twice as long as the one before.
const headroom = 2

// exposition measures the time from the end of a scrape's wait to the end of its answer. A
// scrape that waits for its sync leaves a multiple of it, as otherwise an answer with very
// many series would be late.
type exposition struct {
	mu      sync.Mutex
	learned bool
	longest time.Duration // of the recent expositions
}

// expected returns how long the next exposition can take. The first one is estimated from the
// number of counters.
func (x *exposition) expected(st *state.State) time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.learned {
		return x.longest * headroom
	}
	counters := 0
	for _, e := range st.View(st.Now()).Endpoints {
		counters += len(e.Counters.All)
	}
	return time.Duration(counters) * perCounter * headroom
}

// learn records how long an exposition took. After ten others, half of a long one still
// counts.
func (x *exposition) learn(took time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.longest = max(took, x.longest*15/16)
	x.learned = true
}
