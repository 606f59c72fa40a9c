package client

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/internal/ratelimit"
)

type steps = []func() (*http.Response, error)

func TestRetries(t *testing.T) {
	t.Parallel()
	refused := broken(syscall.ECONNREFUSED)
	for _, tt := range []struct {
		name     string
		steps    steps
		want     error
		codes    []int
		min, max time.Duration
	}{
		{"success", steps{status(200, anEvent)}, nil, []int{200}, 0, 0},
		{"connection lost once", steps{refused, status(200, anEvent)}, nil, []int{0, 200}, 250 * time.Millisecond, 750 * time.Millisecond},
		{"connection lost every time", steps{refused}, ErrConnection, []int{0, 0, 0}, 750 * time.Millisecond, 2250 * time.Millisecond},
		{"connection lost within the body", steps{cutOff, status(200, anEvent)}, nil, []int{200, 200}, 250 * time.Millisecond, 750 * time.Millisecond},
		{"500", steps{status(500, "")}, ErrServer, []int{500, 500, 500}, 750 * time.Millisecond, 2250 * time.Millisecond},
		{"502, 504", steps{status(502, ""), status(504, ""), status(200, anEvent)}, nil, []int{502, 504, 200}, 750 * time.Millisecond, 2250 * time.Millisecond},
		{"501", steps{status(501, "")}, ErrServer, []int{501}, 0, 0},
		{"403", steps{status(403, "")}, ErrForbidden, []int{403}, 0, 0},
		{"404", steps{status(404, "")}, ErrNotFound, []int{404}, 0, 0},
		{"410", steps{status(410, "")}, ErrNotFound, []int{410}, 0, 0},
		{"410 is final", steps{status(410, "")}, ErrGone, []int{410}, 0, 0},
		{"401", steps{status(401, "")}, ErrUnauthorized, []int{401}, 0, 0},
		{"204", steps{status(204, "")}, ErrUnexpectedStatus, []int{204}, 0, 0},
		{"418", steps{status(418, "")}, ErrUnexpectedStatus, []int{418}, 0, 0},
		{"302", steps{status(302, "", "Location: /x")}, ErrRedirected, []int{302}, 0, 0},
		{"bad payload", steps{status(200, "[]")}, ErrBadPayload, []int{200}, 0, 0},
		{"403 with a short wait", steps{status(403, "", "Retry-After: 7"), status(200, anEvent)}, nil, []int{403, 200}, 7 * time.Second, 7700 * time.Millisecond},
		{"403 with a long wait", steps{status(403, "", "Retry-After: 60")}, ErrForbidden, []int{403}, 0, 0},
		{"429 with a short wait", steps{status(429, "", "Retry-After: 7"), status(200, anEvent)}, nil, []int{429, 200}, 7 * time.Second, 7700 * time.Millisecond},
		{"429 without a wait", steps{status(429, "")}, ErrRateLimited, []int{429, 429, 429}, 3 * time.Second, 3300 * time.Millisecond},
		{"429 with a long wait", steps{status(429, "", "Retry-After: 60")}, ErrRateLimited, []int{429}, 0, 0},
		{"503 with a short wait", steps{status(503, "", "Retry-After: 5"), status(200, anEvent)}, nil, []int{503, 200}, 5 * time.Second, 5500 * time.Millisecond},
		{"503 with a long wait", steps{status(503, "", "Retry-After: 60")}, ErrServer, []int{503}, 0, 0},
		{"500 with a long wait", steps{status(500, "", "Retry-After: 60"), status(200, anEvent)}, nil, []int{500, 200}, 250 * time.Millisecond, 750 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := &counts{}
				c := newClient(t, "http://api", Options{Transport: &script{steps: tt.steps}, Observer: o})
				begin := time.Now()
				err := getEvent(t.Context(), c)
				if took := time.Since(begin); took < tt.min || took > tt.max {
					t.Errorf("took %v, want %v to %v", took, tt.min, tt.max)
				}
				if strings.HasPrefix(tt.name, "429") && o.waited != time.Since(begin) {
					t.Errorf("the observer saw a wait of %v", o.waited)
				}
				if !errors.Is(err, tt.want) || !slices.Equal(o.codes, tt.codes) || o.retries != len(tt.codes)-1 {
					t.Errorf("error %v, codes %v, %d retries", err, o.codes, o.retries)
				}
				if failed, ok := errors.AsType[*Error](err); err != nil &&
					(!ok || failed.Op != OpGetEvent || failed.EndpointID != endpointID || failed.EventID != eventID || failed.StatusCode != tt.codes[len(tt.codes)-1]) {
					t.Errorf("error %+v", failed)
				}
				if c.limiter.Busy() != 0 {
					t.Errorf("%d slots still taken", c.limiter.Busy())
				}
			})
		})
	}
}

// cutOff answers with a truncated body.
func cutOff() (*http.Response, error) {
	a := answerWith(200, "")
	a.Body = errorBody{syscall.ECONNRESET}
	return a, nil
}

type errorBody struct{ err error }

func (b errorBody) Read([]byte) (int, error) { return 0, b.err }
func (b errorBody) Close() error             { return nil }

func TestErrorsKeepTheirCause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, "http://api", Options{Transport: &script{steps: steps{broken(syscall.ECONNREFUSED)}}})
		err := getEvent(t.Context(), c)
		if errno, ok := errors.AsType[syscall.Errno](err); !errors.Is(err, syscall.ECONNREFUSED) || !ok || errno != syscall.ECONNREFUSED {
			t.Errorf("error %v", err)
		}
		want := "get event " + eventID + " of endpoint " + endpointID + ": no connection: connection refused"
		if err.Error() != want {
			t.Errorf("got  %s\nwant %s", err, want)
		}
	})
}

// A Retry-After in one answer pauses all calls.
func TestRetryAfterHoldsForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: steps{status(429, "", "Retry-After: 8"), status(200, anEvent)}}
		o := &counts{}
		c := newClient(t, "http://api", Options{Transport: s, RateLimit: 10, Observer: o})
		var all sync.WaitGroup
		all.Go(func() {
			if err := getEvent(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		begin := time.Now()
		for range 20 {
			all.Go(func() {
				if err := getEvent(t.Context(), c); err != nil {
					t.Error(err)
				}
			})
		}
		if l := c.limiter.Limits(); l.Configured != 10 || l.Current != 5 || l.PausedUntil.Sub(begin) < 8*time.Second {
			t.Errorf("limits %+v", l)
		}
		all.Wait()
		if len(s.times) != 22 || s.times[1].Sub(begin) < 8*time.Second {
			t.Errorf("%d requests, the second after %v", len(s.times), s.times[1].Sub(begin))
		}
		// 21 requests at half the rate, which rises one step before the last ones.
		if spread := s.times[21].Sub(s.times[1]); spread < 3500*time.Millisecond || spread > 3900*time.Millisecond {
			t.Errorf("21 requests in %v", spread)
		}
		if o.waited < 21*8*time.Second {
			t.Errorf("the observer saw only %v of waiting", o.waited)
		}
	})
}

// A 403 with Retry-After pauses all calls but does not lower the rate: a call that is always
// forbidden would lower it again and again.
func TestForbiddenForATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: steps{status(403, "", "Retry-After: 8"), status(200, anEvent)}}
		c := newClient(t, "http://api", Options{Transport: s, RateLimit: 10})
		begin := time.Now()
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				if err := getEvent(t.Context(), c); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		if l := c.limiter.Limits(); l.Current != 10 || l.PausedUntil.Sub(begin) < 8*time.Second {
			t.Errorf("limits %+v", l)
		}
		all.Wait()
		if len(s.times) != 3 || s.times[1].Sub(begin) < 8*time.Second {
			t.Errorf("requests at %v", s.times)
		}
	})
}

func TestLongPauseIsAnsweredWithoutARequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: steps{status(429, "", "Retry-After: 600"), status(200, "[]")}}
		c := newClient(t, "http://api", Options{Transport: s})
		_, err := c.ListEndpoints(t.Context())
		first, ok := errors.AsType[*Error](err)
		if !ok || first.RetryAfter < 5*time.Minute || first.RetryAfter > 5*time.Minute+time.Second || first.StatusCode != 429 {
			t.Fatalf("error %+v", first)
		}
		time.Sleep(time.Minute)
		_, err = c.ListEvents(t.Context(), endpointID)
		second, ok := errors.AsType[*Error](err)
		if !ok || !errors.Is(err, ErrRateLimited) || second.RetryAfter != first.RetryAfter-time.Minute ||
			second.Op != OpListEvents || second.EndpointID != endpointID || second.StatusCode != 0 || s.requests() != 1 {
			t.Errorf("error %+v after %d requests", second, s.requests())
		}
		time.Sleep(second.RetryAfter - ratelimit.Patience)
		begin := time.Now()
		if _, err := c.ListEndpoints(t.Context()); err != nil || time.Since(begin) != ratelimit.Patience {
			t.Errorf("error %v after %v", err, time.Since(begin))
		}
	})
}

// A new list overtakes the details that already wait for their turn.
func TestListsOvertakeDetails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: steps{status(200, anEvent)}}
		c := newClient(t, "http://api", Options{RateLimit: 1, Transport: s})
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() { _ = getEvent(t.Context(), c) })
		}
		synctest.Wait()
		begin := time.Now()
		l, err := c.ListEvents(t.Context(), endpointID)
		if err != nil || time.Since(begin) > time.Second || s.requests() != 2 {
			t.Fatalf("error %v after %v and %d requests", err, time.Since(begin), s.requests())
		}
		l.Close()
		all.Wait()
	})
}

func TestTimeouts(t *testing.T) {
	t.Parallel()
	never := transport(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	})
	for _, tt := range []struct {
		name      string
		transport http.RoundTripper
		ask       func(context.Context, *Client) error
		code      int
		text      string
	}{
		{"no header of an event", never, getEvent, 0, "no answer within 3s"},
		{"no end of an event", stall(`{"id":`), getEvent, 200, "not complete within 3s"},
		{"no end of the endpoints", stall(`[`), func(ctx context.Context, c *Client) error {
			_, err := c.ListEndpoints(ctx)
			return err
		}, 200, "not complete within 3s"},
		{"no header of a list", never, func(ctx context.Context, c *Client) error {
			_, err := c.ListEvents(ctx, endpointID)
			return err
		}, 0, "no answer within 3s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := &counts{}
				c := newClient(t, "http://api", Options{Transport: tt.transport, Timeout: 3 * time.Second, Observer: o})
				begin := time.Now()
				err := tt.ask(t.Context(), c)
				if took := time.Since(begin); took != 3*time.Second || o.last != took {
					t.Errorf("took %v, observed %v", took, o.last)
				}
				if !errors.Is(err, ErrTimeout) || errors.Is(err, context.DeadlineExceeded) || !slices.Equal(o.codes, []int{tt.code}) || !hasText(err, tt.text) {
					t.Errorf("error %v, codes %v", err, o.codes)
				}
			})
		})
	}
}

func TestCallerGivesUp(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		steps steps
		want  []error
	}{
		{"before the start", nil, []error{context.Canceled}},
		{"during the request", steps{func() (*http.Response, error) { time.Sleep(time.Second); return nil, context.Canceled }}, []error{context.Canceled}},
		{"during a pause", steps{status(429, "", "Retry-After: 5")}, []error{context.Canceled}},
		{"before another try", steps{status(500, "")}, []error{context.Canceled, ErrServer}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &script{steps: tt.steps}
				c := newClient(t, "http://api", Options{Transport: s})
				ctx, cancel := context.WithCancel(t.Context())
				if tt.steps == nil {
					cancel()
				}
				time.AfterFunc(100*time.Millisecond, cancel)
				err := getEvent(ctx, c)
				for _, want := range tt.want {
					if !errors.Is(err, want) {
						t.Errorf("error %v, want %v", err, want)
					}
				}
				if errors.Is(err, ErrConnection) {
					t.Errorf("a cancelled caller gets %v", err)
				}
				if s.requests() != min(1, len(tt.steps)) || c.limiter.Busy() != 0 {
					t.Errorf("%d requests, %d slots still taken", s.requests(), c.limiter.Busy())
				}
			})
		})
	}
}
