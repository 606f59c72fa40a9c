package collector

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	maxWriters     = 40               // scrapes that encode and write at a time, where they are small
	seriesPerPlace = 500              // while an answer is encoded: some 300 KB
	bytesPerPlace  = 512 << 10        // while an encoded answer is written
	patience       = 4 * time.Second  // for a client that takes nothing while others wait
	writeGrace     = 10 * time.Second // after its deadline, a scrape is cut off
)

// gate bounds the scrapes that encode and write at a time, and so the memory that they
// take: a large one needs several places, most of them until it is encoded, and scrapes
// that still wait for the API hold next to nothing. The one that came last is the next to
// get its places, so that a scraper is served however many wait for nothing good. A client
// that takes nothing of its answer keeps its places only while nobody else wants them.
type gate struct {
	mu      sync.Mutex
	free    int // places
	waiting []*waiter
	writers map[*writer]struct{} // that are in
}

// pass is what a scrape has that is in.
type pass struct {
	gate   *gate
	places int
	writer *writer
}

// waiter is a scrape that waits for places.
type waiter struct {
	places int
	in     chan struct{} // closed once it has them
}

func newGate() *gate { return &gate{free: maxWriters, writers: make(map[*writer]struct{})} }

// enter waits for the places to encode an answer of so many series, until ctx ends.
func (g *gate) enter(ctx context.Context, w *writer, series int) (*pass, error) {
	self := &waiter{places: min(1+series/seriesPerPlace, maxWriters), in: make(chan struct{})}
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
	return &pass{gate: g, places: self.places, writer: w}, nil
}

// encoded gives back the places that an answer of so many bytes does not need any more.
func (p *pass) encoded(bytes int) {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	p.keep(min(1+bytes/bytesPerPlace, p.places))
}

// leave gives all places back.
func (p *pass) leave() {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	delete(p.gate.writers, p.writer)
	p.keep(0)
}

// keep gives back all places but some. The gate is locked.
func (p *pass) keep(places int) {
	p.gate.free += p.places - places
	p.places = places
	p.gate.admit()
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
	tick := time.NewTicker(patience / 4)
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
