package collector

import (
	"sync"
	"time"

	"omegastream_exporter/internal/state"
)

// perCounter is about what a counter, and the gauges that come with it, take to show on a
// small machine.
const perCounter = 15 * time.Microsecond

// headroom is how many times the longest recent exposition a scrape spares: on a busy
// machine one takes twice as long as the one before it.
const headroom = 2

// exposition is how long it takes from the end of a scrape's wait to that of its answer. A
// scrape that waits for its sync leaves some multiple of it, or with very many series its
// answer would be late.
type exposition struct {
	mu      sync.Mutex
	learned bool
	longest time.Duration // of the recent ones
}

// expected returns how long the next exposition can take. Before the first one that is an
// estimate by the number of counters.
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

// learn notes how long one took. A scrape remembers half of a long one after ten others.
func (x *exposition) learn(took time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.longest = max(took, x.longest*15/16)
	x.learned = true
}
