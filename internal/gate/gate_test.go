package gate

import (
	"context"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// places is the size of the gates in these tests.
const places = 40

// stalled is a client that reads nothing until it is cut off.
type stalled struct {
	http.ResponseWriter
	cut chan struct{}
}

func (s *stalled) Write([]byte) (int, error) {
	<-s.cut
	return 0, os.ErrDeadlineExceeded
}

// SetWriteDeadline is called by http.ResponseController.
func (s *stalled) SetWriteDeadline(time.Time) error {
	close(s.cut)
	return nil
}

// Clients that read nothing keep their places until another client waits for one.
func TestCutsOffWhoTakesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := New(places)
		ended := make(chan struct{}, places)
		for range places {
			w := &Writer{ResponseWriter: &stalled{cut: make(chan struct{})}}
			pass, err := g.Enter(t.Context(), w, 1)
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				_, _ = w.Write([]byte("x"))
				pass.Leave()
				ended <- struct{}{}
			}()
		}
		time.Sleep(time.Hour)
		if len(ended) != 0 {
			t.Fatalf("%d clients were cut off while nobody waits", len(ended))
		}
		began := time.Now()
		pass, err := g.Enter(t.Context(), &Writer{}, 1)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 2*patience {
			t.Errorf("waited %s for a place", took)
		}
		pass.Leave()
		for range places {
			<-ended
		}
	})
}

// A client that reads is never cut off, however many wait. A waiting client gives up with its
// context.
func TestFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := New(places)
		for range places / 2 {
			// A client with two places that writes nothing at the moment.
			if _, err := g.Enter(t.Context(), &Writer{ResponseWriter: &stalled{cut: make(chan struct{})}}, 2); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := g.Enter(ctx, &Writer{}, 1); err == nil {
			t.Error("a client entered a full gate")
		}
	})
}

// An answer gives back the places that it no longer needs.
func TestPlacesAreGivenBack(t *testing.T) {
	t.Parallel()
	g := New(places)
	first, err := g.Enter(t.Context(), &Writer{}, places)
	if err != nil {
		t.Fatal(err)
	}
	entered := make(chan *Pass)
	go func() {
		second, err := g.Enter(t.Context(), &Writer{}, places-2)
		if err != nil {
			t.Error(err)
		}
		entered <- second
	}()
	first.Keep(2)
	second := <-entered
	if g.free != 0 {
		t.Errorf("%d places are free besides 2 and %d", g.free, places-2)
	}
	first.Leave()
	second.Keep(1)
	if g.free != places-1 {
		t.Errorf("%d places are free besides one", g.free)
	}
	second.Leave()
	if g.free != places || len(g.writers) != 0 {
		t.Errorf("%d places are free, %d clients are inside", g.free, len(g.writers))
	}
}

// An answer that needs more places than the gate has gets all of them. If they are free, it
// gets them even after its context ended, as during a drain.
func TestHugeAnswers(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	pass, err := New(places).Enter(ended, &Writer{}, 100*places)
	if err != nil {
		t.Fatal(err)
	}
	pass.Leave()
}
