package collector

import (
	"sync"
	"time"

	"omegastream_exporter/internal/state"
)

// perCounter is about what a counter, and the gauges that come with it, take to show on a
// small machine.
const perCounter = 15 * time.Microsecond

// exposition is how long it takes from the end of a scrape's wait to that of its answer. A
// scrape that waits for its sync leaves that much of its time, or with very many series
// its answer would be late.
type exposition struct {
	mu      sync.Mutex
	learned bool
	recent  time.Duration
}

// expected returns how long the next exposition can take. Before the first one that is an
// estimate by what the ledger holds.
func (x *exposition) expected(st *state.State) time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.learned {
		return x.recent
	}
	counters := 0
	for _, e := range st.View(st.Now()).Endpoints {
		counters += len(e.Counters.All)
	}
	return time.Duration(counters) * perCounter
}

// learn notes how long one took. A slow one is remembered for some scrapes: on a busy
// machine they differ.
func (x *exposition) learn(took time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.recent = max(took, x.recent*3/4)
	x.learned = true
}
