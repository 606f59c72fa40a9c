package client

import (
	"context"
	"math"
	"net/http"
	"sync"
	"testing"
	"time"
)

// account is Turns in memory, for clients that are replicas of each other.
type account struct {
	mu      sync.Mutex
	free    time.Time
	state   Throttle
	way     time.Duration // of a question, and of an answer
	err     error
	hang    time.Duration // of the next answer, on its way
	asked   int           // reservations
	told    int           // refusals and successes
	busy    int
	crowded bool // two questions of one client at a time; for tests with one
}

// newAccount returns one for a test in a bubble, which ends once the last answer is
// there.
func newAccount(t *testing.T) *account {
	t.Helper()
	t.Cleanup(func() { time.Sleep(talkTimeout) })
	return &account{state: NewThrottle(), way: time.Millisecond}
}

func (a *account) set(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

// seen returns how often it was asked and told, and the state of all.
func (a *account) seen() (asked, told int, state Throttle) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked, a.told, a.state
}

// answer makes the ways of a question and its answer.
func (a *account) answer(work func(now time.Time)) error {
	a.set(func() { a.busy++; a.crowded = a.crowded || a.busy > 1 })
	time.Sleep(a.way)
	var err error
	var hang time.Duration
	a.set(func() {
		if err = a.err; err == nil {
			work(time.Now())
		}
		hang, a.hang = a.hang, 0
	})
	time.Sleep(a.way + hang)
	a.set(func() { a.busy-- })
	return err
}

func (a *account) Reserve(_ context.Context, n int, perSecond float64) (g Grant, err error) {
	err = a.answer(func(now time.Time) {
		a.asked++
		g.Throttle = a.state
		if left := a.state.Left(now); left > 0 {
			g.First = left
			return
		}
		if perSecond == 0 {
			g.Turns = n
			return
		}
		if a.free.Before(now) {
			a.free = now
		}
		every := time.Duration(float64(time.Second) / perSecond / a.state.Share)
		g.First, g.Every = a.free.Sub(now), every
		room := TurnsAhead - g.First
		if room < 0 {
			g.First = -room
			return
		}
		g.Turns = min(n, max(1, int(room/2/every)))
		a.free = a.free.Add(time.Duration(g.Turns) * every)
	})
	return g, err
}

func (a *account) Refused(_ context.Context, r Refusal) (t Throttle, err error) {
	err = a.answer(func(now time.Time) { a.told++; a.state.Refuse(now, r); t = a.state })
	return t, err
}

func (a *account) Succeeded(_ context.Context, sent time.Time) (t Throttle, err error) {
	err = a.answer(func(now time.Time) { a.told++; a.state.Succeed(now, sent); t = a.state })
	return t, err
}

// server notes when it is asked, and takes its time to answer.
type server struct {
	mu     sync.Mutex
	took   time.Duration
	times  []time.Time
	refuse func() *http.Response // nil = nothing is refused
}

func (s *server) RoundTrip(*http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.times = append(s.times, time.Now())
	refuse := s.refuse
	s.mu.Unlock()
	time.Sleep(s.took)
	if refuse != nil {
		return refuse(), nil
	}
	return answerWith(200, anEvent), nil
}

func (s *server) asked() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Time(nil), s.times...)
}

// within fails the test if a second saw more than a tenth above the rate.
func (s *server) within(t *testing.T, perSecond float64) {
	t.Helper()
	times, first := s.asked(), 0
	for last := range times {
		for times[last].Sub(times[first]) >= time.Second {
			first++
		}
		if got := last - first + 1; float64(got) > math.Ceil(perSecond*1.1)+1 {
			t.Fatalf("%d requests in a second at a rate of %v, from %v after the first one", got, perSecond, times[first].Sub(times[0]))
		}
	}
}

// replicas returns n clients that share the account and the server.
func replicas(t *testing.T, n int, perSecond float64, a *account, s *server) []*Client {
	t.Helper()
	all := make([]*Client, n)
	for i := range all {
		all[i] = newClient(t, "http://api", Options{Transport: s, RateLimit: perSecond, Concurrency: 32, Turns: a, Timeout: time.Hour})
	}
	return all
}

// ask makes calls from several callers of a client and returns how many failed.
func ask(c *Client, callers, each int) (failed int) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range each {
				if getEvent(context.Background(), c) != nil {
					mu.Lock()
					failed++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	return failed
}
