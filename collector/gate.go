package collector

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	maxWriters      = 40               // scrapes that encode and write at a time, where they are small
	seriesPerWriter = 5_000            // one with more series takes the place of several
	patience        = 2 * time.Second  // for a client that takes nothing while others wait
	writeGrace      = 10 * time.Second // after its deadline, a scrape is cut off
)

// gate bounds the scrapes that encode and write at a time, and so the memory that they
// take: scrapes that still wait for the API hold next to nothing. The one that came last
// is the next to get a place, so that a scraper is served however many wait for nothing
// good. A client that takes nothing of its answer keeps its place only while nobody else
// wants it.
type gate struct {
	mu      sync.Mutex
	free    int // places
	waiting []*waiter
	writers map[*writer]struct{} // that are in
}

// waiter is a scrape that waits for places.
type waiter struct {
	places int
	in     chan struct{} // closed once it has them
}

func newGate() *gate { return &gate{free: maxWriters, writers: make(map[*writer]struct{})} }

// enter waits for a place for an answer of so many series, until ctx ends. leave gives
// the place back.
func (g *gate) enter(ctx context.Context, w *writer, series int) (leave func(), err error) {
	self := &waiter{places: min(1+series/seriesPerWriter, maxWriters), in: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, self)
	g.admit()
	g.mu.Unlock()
	if err := g.wait(ctx, self); err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.writers[w] = struct{}{}
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.writers, w)
		g.free += self.places
		g.admit()
	}, nil
}

// admit gives places to those that came last.
func (g *gate) admit() {
	for n := len(g.waiting) - 1; n >= 0 && g.waiting[n].places <= g.free; n-- {
		g.free -= g.waiting[n].places
		close(g.waiting[n].in)
		g.waiting = g.waiting[:n]
	}
}

// wait returns once self has its places, or with the error of ctx without them.
func (g *gate) wait(ctx context.Context, self *waiter) error {
	select {
	case <-self.in: // also where ctx has ended, as in a drain
		return nil
	default:
	}
	tick := time.NewTicker(patience)
	defer tick.Stop()
	for {
		select {
		case <-self.in:
			return nil
		case <-tick.C:
			g.cutStalled()
		case <-ctx.Done():
			if g.giveUp(self) {
				return ctx.Err()
			}
			return nil
		}
	}
}

// giveUp ends a wait. It returns false where self has its places in the meantime.
func (g *gate) giveUp(self *waiter) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.waiting, self)
	if i < 0 {
		return false
	}
	g.waiting = slices.Delete(g.waiting, i, i+1)
	g.admit() // it can have stood before smaller ones
	return true
}

// cutStalled cuts off the answers that nobody takes.
func (g *gate) cutStalled() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for w := range g.writers {
		w.cutIfStalled()
	}
}

// writer is an http.ResponseWriter that knows since when its client has taken nothing.
type writer struct {
	http.ResponseWriter

	mu    sync.Mutex
	since time.Time // that a write lasts; zero where none does
}

func (w *writer) Write(b []byte) (int, error) {
	w.writing(time.Now())
	defer w.writing(time.Time{})
	return w.ResponseWriter.Write(b)
}

// Flush sends what is buffered. Its error is that of the next write.
func (w *writer) Flush() {
	w.writing(time.Now())
	defer w.writing(time.Time{})
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController find the writer beneath.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *writer) writing(since time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since = since
}

func (w *writer) cutIfStalled() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.since.IsZero() && time.Since(w.since) >= patience {
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now())
	}
}
