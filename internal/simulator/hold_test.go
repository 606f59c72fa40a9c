package simulator_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/internal/simulator"
)

// bubble returns an account with one event and a client without a network. Call it inside a
// bubble.
func bubble(t *testing.T) (s *server, endpointID string) {
	t.Helper()
	a := simulator.New(simulator.Options{})
	id := a.AddEndpoint(simulator.Endpoint{})
	a.Emit(id, "video.uploaded", simulator.Responded(200))
	return &server{
		Account: a, t: t, base: "http://simulator" + simulator.BasePath,
		client: &http.Client{Transport: simulator.Transport(a)},
	}, id
}

// TestDelay checks that an answer is delayed.
func TestDelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, id := bubble(t)
		s.AddFault(simulator.Fault{Do: simulator.Delay(3 * time.Second)})
		start := time.Now()
		s.ok(id)
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// TestStall checks that the rest of a body arrives after the pause.
func TestStall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, id := bubble(t)
		want := s.ok(id)
		s.AddFault(simulator.Fault{Do: simulator.Stall(20, 3*time.Second)})
		start := time.Now()
		if got := s.ok(id); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// TestHang checks that a hanging answer ends with the client's timeout, and continues when
// the fault is removed, both before and after the header.
func TestHang(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		do     simulator.Effect
		header bool // whether it arrives
	}{
		{"before the header", simulator.Hang(), false},
		{"after bytes", simulator.CutBytes(20, simulator.EndHang), true},
		{"after elements", simulator.CutElements(1, simulator.EndHang), true},
		{"a delay", simulator.Delay(time.Hour), false},
		{"a stall", simulator.Stall(20, time.Hour), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, id := bubble(t)
				remove := s.AddFault(simulator.Fault{Do: test.do})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				resp, err := s.client.Do(s.request(id).WithContext(ctx))
				if test.header != (err == nil) {
					t.Fatalf("header: %v", err)
				}
				if err == nil {
					_, err = io.ReadAll(resp.Body)
					resp.Body.Close()
				}
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v, want the deadline", err)
				}
				synctest.Wait()
				if got := s.Calls().Count(simulator.ListEvents, 0); (got == 0) != test.header {
					t.Errorf("%d requests without a header", got)
				}
				start := time.Now()
				time.AfterFunc(time.Hour, remove)
				if got := s.list(id); len(got) != 1 || time.Since(start) != time.Hour {
					t.Errorf("%d events after %v", len(got), time.Since(start))
				}
			})
		})
	}
}

// TestEndless checks that an endless list and its request end when the client disconnects.
func TestEndless(t *testing.T) {
	t.Parallel()
	s, id, events := small(t, 1)
	s.AddFault(simulator.Fault{Do: simulator.Endless()})
	resp, err := s.client.Do(s.request(id))
	if err != nil {
		t.Fatal(err)
	}
	head, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	resp.Body.Close() // the server waits for the request when it stops
	if err != nil || len(head) != 1<<20 {
		t.Fatalf("%d bytes, %v", len(head), err)
	}
	whole := string(head[:strings.LastIndex(string(head), `,{"id"`)]) + "]"
	got := decode[[]event](t, whole)
	seen := make(map[string]bool)
	for _, e := range got {
		seen[e.ID] = true
	}
	if got[0].ID != events[0] || len(seen) != len(got) || len(got) < 4000 {
		t.Errorf("%d events with %d ids, the first %s", len(got), len(seen), got[0].ID)
	}
}

// TestTransport checks that a client without a network sees broken connections.
func TestTransport(t *testing.T) {
	t.Parallel()
	s, id := bubble(t)
	for _, do := range []simulator.Effect{simulator.Reset(), simulator.Close()} {
		remove := s.AddFault(simulator.Fault{Do: do})
		if _, _, err := s.get(id); !errors.Is(err, simulator.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
		remove()
	}
	s.AddFault(simulator.Fault{Times: 1, Do: simulator.CutBytes(5, simulator.EndAbort)})
	if _, body, err := s.get(id); body != `[{"id` || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %q, %v", body, err)
	}
	resp, _, err := s.get("all/of/it/here")
	if err != nil || resp.StatusCode != http.StatusNotFound || resp.ContentLength < 1 {
		t.Errorf("got %+v, %v", resp, err)
	}
}
