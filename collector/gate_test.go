package collector

import (
	"context"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// stalled is the answer to a client that takes nothing until it is cut off.
type stalled struct {
	http.ResponseWriter
	cut chan struct{}
}

func (s *stalled) Write([]byte) (int, error) {
	<-s.cut
	return 0, os.ErrDeadlineExceeded
}

// SetWriteDeadline is what http.ResponseController calls.
func (s *stalled) SetWriteDeadline(time.Time) error {
	close(s.cut)
	return nil
}

// Clients that take nothing keep their places while nobody else wants one, and lose them
// soon when somebody does.
func TestGateCutsOffWhoTakesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		ended := make(chan struct{}, maxWriters)
		for range maxWriters {
			w := &writer{ResponseWriter: &stalled{cut: make(chan struct{})}}
			pass, err := g.enter(t.Context(), w, 10)
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				_, _ = w.Write([]byte("x"))
				pass.leave()
				ended <- struct{}{}
			}()
		}
		time.Sleep(time.Hour)
		if len(ended) != 0 {
			t.Fatalf("%d were cut off though nobody waits", len(ended))
		}
		began := time.Now()
		pass, err := g.enter(t.Context(), &writer{}, 10)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 2*patience {
			t.Errorf("waited %s for a place", took)
		}
		pass.leave()
		for range maxWriters {
			<-ended
		}
	})
}

// A client that takes its answer is not cut off, however many wait, and who waits gives
// up with its context.
func TestGateIsFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		for range maxWriters / 2 {
			// One of twice the series takes two places, and writes nothing at the moment.
			if _, err := g.enter(t.Context(), &writer{ResponseWriter: &stalled{cut: make(chan struct{})}}, seriesPerPlace+1); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := g.enter(ctx, &writer{}, 10); err == nil {
			t.Error("there was a place")
		}
	})
}

// A large answer has many places until it is encoded, and then those that its text takes.
func TestGateOfEncodedAnswers(t *testing.T) {
	t.Parallel()
	g := newGate()
	first, err := g.enter(t.Context(), &writer{}, maxWriters*seriesPerPlace)
	if err != nil {
		t.Fatal(err)
	}
	entered := make(chan *pass)
	go func() {
		second, err := g.enter(t.Context(), &writer{}, (maxWriters-3)*seriesPerPlace)
		if err != nil {
			t.Error(err)
		}
		entered <- second
	}()
	first.encoded(bytesPerPlace + 1)
	second := <-entered
	if g.free != 0 {
		t.Errorf("%d places are free beside 2 and %d", g.free, maxWriters-2)
	}
	first.leave()
	second.encoded(1)
	if g.free != maxWriters-1 {
		t.Errorf("%d places are free beside one", g.free)
	}
	second.leave()
	if g.free != maxWriters || len(g.writers) != 0 {
		t.Errorf("%d places are free, %d are in", g.free, len(g.writers))
	}
}

// An answer of any size has its turn, and a drain that has ended all requests lets those
// answer that have a place.
func TestGateOfHugeAnswers(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	pass, err := newGate().enter(ended, &writer{}, 100*seriesPerPlace*maxWriters)
	if err != nil {
		t.Fatal(err)
	}
	pass.leave()
}
