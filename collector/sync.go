package collector

import (
	"context"
	"sync"
	"time"

	"omegastream_exporter/internal/ledger"
)

// longestInterval bounds the time between syncs while they fail.
const longestInterval = time.Minute

// slowList is how long a sync waits for one list.
const slowList = time.Minute

// result is how a sync ended, as its metric says it.
type result string

const (
	syncSuccess result = "success" // every endpoint
	syncPartial result = "partial" // some endpoints
	syncError   result = "error"   // none
)

// syncer runs one sync at a time, however many scrapes ask for it.
type syncer struct {
	ctx       context.Context // of the exporter: a sync outlives the scrape that started it
	api       API
	book      *ledger.Book
	telemetry *Telemetry
	drain     *drain
	opts      Options
	log       *errorLog
	lists     chan struct{} // a slot for each list that is read at a time
	running   sync.WaitGroup

	mu       sync.Mutex
	pass     *pass // the running one, nil between syncs
	ended    time.Time
	took     time.Duration // the last one
	result   result
	failures int                 // syncs that failed in a row
	reading  map[string]struct{} // endpoints whose list is being read, perhaps since an earlier sync
}

// pass is one sync.
type pass struct{ done chan struct{} }

// wait starts a sync or joins the running one, waits for it and for the details
// of the new events that it found, and reports whether both ended before ctx.
func (s *syncer) wait(ctx context.Context) bool {
	if p := s.join(time.Now()); p != nil {
		select {
		case <-p.done:
		case <-ctx.Done():
			return false
		}
	}
	return s.drain.caughtUp(ctx)
}

// join returns the running sync, starts one, or returns nil where the last one is
// recent enough to be shared.
func (s *syncer) join(now time.Time) *pass {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pass != nil || s.ctx.Err() != nil {
		return s.pass
	}
	if !s.ended.IsZero() && now.Sub(s.ended) < s.interval() {
		return nil
	}
	p := &pass{done: make(chan struct{})}
	s.pass = p
	s.running.Go(func() { s.run(p) })
	return p
}

// interval is how long the last sync is shared. The caller holds s.mu.
func (s *syncer) interval() time.Duration {
	interval := s.opts.MinInterval
	for range s.failures {
		if interval >= longestInterval {
			break
		}
		interval = min(2*interval, longestInterval)
	}
	return interval
}

// run is one sync from its first call to its last commit.
func (s *syncer) run(p *pass) {
	began := time.Now()
	res := s.sync(s.ctx)
	s.mu.Lock()
	s.pass, s.ended = nil, time.Now()
	s.took, s.result = time.Since(began), res
	if s.failures++; res != syncError {
		s.failures = 0
	}
	s.mu.Unlock()
	s.telemetry.synced(res, time.Since(began))
	close(p.done)
	s.drain.moved.notify() // what is waited for may have gone with its endpoint
}
