package e2e

import (
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// witness sees what all replicas show. Everything that one of them has shown is durable.
type witness struct {
	t    *testing.T
	hold time.Duration // --collector.hold-new-series
	calm atomic.Int64  // number of the quiet time, or 0 during trouble

	mu      sync.Mutex
	quiets  int64
	high    map[string]float64 // by series
	first   map[string]sight   // by series, the first scrape that showed it
	scrapes int
}

// sight is when and where a series was seen.
type sight struct {
	by      string
	began   time.Time // start of the scrape
	created time.Time
}

func newWitness(t *testing.T, hold time.Duration) *witness {
	return &witness{t: t, hold: hold, high: make(map[string]float64), first: make(map[string]sight)}
}

// quiet starts a time without faults. In it no scrape shows less than an earlier one of any
// replica.
func (w *witness) quiet() (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.quiets++
	w.calm.Store(w.quiets)
	return func() { w.calm.Store(0) }
}

// floor returns the highest values shown so far.
func (w *witness) floor() map[string]float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.high)
}

// note records what a replica shows. A series is the same at all replicas: it was created at
// one moment, and one of them showed it at 0 for the hold.
func (w *witness) note(name string, s *scrape) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.scrapes++
	wrong := 0
	tell := func(format string, args ...any) {
		if wrong++; wrong <= 3 {
			w.t.Errorf("%v %s "+format, append([]any{s.began.Format(time.StampMilli), name}, args...)...)
		}
	}
	for k, v := range s.counters() {
		before := w.high[k]
		first, known := w.first[k]
		switch {
		case !known && v != 0:
			tell("first shows %s at %v, but no replica showed it at 0", k, v)
		case known && before == 0 && v > 0 && s.ended.Sub(first.began) < w.hold/2: // a replica that showed it earlier can be killed before the test knows
			tell("shows %s as %v only %v after %s first showed it", k, v, s.ended.Sub(first.began), first.by)
		case known && !first.created.Equal(s.created[k]):
			tell("shows %s as created at %v, %s at %v showed %v", k, s.created[k], first.by, first.began.Format(time.StampMilli), first.created)
		}
		if !known || !first.created.Equal(s.created[k]) {
			w.first[k] = sight{name, s.began, s.created[k]}
		}
		w.high[k] = max(before, v)
	}
}
