// Package gate limits the number of answers that are encoded and sent at a time, and so their
// memory. It imports none of the exporter's packages.
package gate

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// patience is how long a client can read nothing while others wait.
const patience = 4 * time.Second

// Gate has places for answers; a large answer needs several. The newest waiter is the next
// to get its places, so that a client is served even if many idle ones wait. A client that
// does not read its answer loses its places when another one needs them. A Gate is safe for
// concurrent use.
type Gate struct {
	places int

	mu      sync.Mutex
	free    int // places
	waiting []*waiter
	writers map[*Writer]struct{} // inside
}

// Pass is the right of an answer to its places.
type Pass struct {
	gate   *Gate
	places int
	writer *Writer
}

// waiter is an answer that waits for places.
type waiter struct {
	places int
	in     chan struct{} // closed when it has its places
}

// New returns a gate with this many places.
func New(places int) *Gate {
	return &Gate{places: places, free: places, writers: make(map[*Writer]struct{})}
}

// Enter waits for n places, or all that exist, until ctx ends. Write the answer to w.
func (g *Gate) Enter(ctx context.Context, w *Writer, places int) (*Pass, error) {
	self := &waiter{places: min(places, g.places), in: make(chan struct{})}
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
	return &Pass{gate: g, places: self.places, writer: w}, nil
}

// Keep gives back all but n places.
func (p *Pass) Keep(places int) {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	p.keep(min(places, p.places))
}

// Leave gives all places back.
func (p *Pass) Leave() {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	delete(p.gate.writers, p.writer)
	p.keep(0)
}

// keep gives back all places but some. The gate is locked.
func (p *Pass) keep(places int) {
	p.gate.free += p.places - places
	p.places = places
	p.gate.admit()
}

// admit gives places to the newest waiters.
func (g *Gate) admit() {
	for n := len(g.waiting) - 1; n >= 0 && g.waiting[n].places <= g.free; n-- {
		g.free -= g.waiting[n].places
		close(g.waiting[n].in)
		g.waiting = g.waiting[:n]
	}
}

// wait returns once self has its places, or with the error of ctx without them.
func (g *Gate) wait(ctx context.Context, self *waiter) error {
	select {
	case <-self.in: // even if ctx has ended, as in a drain
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

// giveUp ends a wait. It returns false if self has got its places meanwhile.
func (g *Gate) giveUp(self *waiter) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.waiting, self)
	if i < 0 {
		return false
	}
	g.waiting = slices.Delete(g.waiting, i, i+1)
	g.admit() // it can have blocked smaller ones
	return true
}

// cutStalled cuts off the clients that do not read their answers.
func (g *Gate) cutStalled() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for w := range g.writers {
		w.cutIfStalled()
	}
}

// Writer is an http.ResponseWriter that knows since when its client has read nothing.
type Writer struct {
	http.ResponseWriter

	mu    sync.Mutex
	since time.Time // since when a write lasts; zero without one
}

// Write implements http.ResponseWriter.
func (w *Writer) Write(b []byte) (int, error) {
	w.writing(time.Now())
	defer w.writing(time.Time{})
	return w.ResponseWriter.Write(b)
}

// Flush sends what is buffered. Its error is that of the next write.
func (w *Writer) Flush() {
	w.writing(time.Now())
	defer w.writing(time.Time{})
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController find the writer beneath.
func (w *Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *Writer) writing(since time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since = since
}

func (w *Writer) cutIfStalled() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.since.IsZero() && time.Since(w.since) >= patience {
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now())
	}
}
