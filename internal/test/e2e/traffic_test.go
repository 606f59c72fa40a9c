package e2e

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
)

// After noResponse, the program gives up on a delivery without a response. Late answers come
// much sooner.
const (
	noResponse = 2900 * time.Millisecond
	latest     = 1500 * time.Millisecond
)

// mostFailures is the maximum number of failures of an endpoint at a time, because the
// program asks for failures again at most ten times a second.
const mostFailures = 5

var types = append([]string{"video.thumbnail_generated", "video.caption/ready é"}, simulator.EventTypes...)

var causes = []string{
	simulator.CauseTimeout, simulator.CauseDNS, simulator.CauseRefused, simulator.CauseReset,
	simulator.CauseTLS, simulator.CauseEOF, "",
}

// traffic generates the events of an account. Everything except the moments depends on the
// seed.
type traffic struct {
	account *simulator.Account

	mu       sync.Mutex
	rng      *rand.Rand
	into     []string            // endpoints
	failed   map[string][]string // by endpoint, failed events that can be retried
	failures map[string]int      // by endpoint
	silent   map[[2]string]int   // by endpoint and type
	final    map[string]bool     // events that are delivered at once, and need one ask
	events   int
	retries  int
}

func newTraffic(account *simulator.Account, seed uint64) *traffic {
	return &traffic{
		account: account, rng: rand.New(rand.NewPCG(seed, 1)), into: account.EndpointIDs(),
		failed: make(map[string][]string), failures: make(map[string]int), silent: make(map[[2]string]int),
		final: make(map[string]bool),
	}
}

// emit emits n events.
func (f *traffic) emit(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range n {
		f.event(f.into[f.rng.IntN(len(f.into))], types[f.rng.IntN(len(types))])
	}
}

func (f *traffic) event(endpoint, eventType string) {
	insert := func(answers ...simulator.Answer) string {
		f.events++
		return f.account.Insert(endpoint, simulator.Event{Type: eventType, Answers: answers})
	}
	fails := f.failures[endpoint] < mostFailures && f.rng.Float64() < 0.2
	if fails {
		f.failures[endpoint]++
	}
	answer := simulator.Responded(200 + f.rng.IntN(2)*4)
	chance := f.rng.Float64()
	switch {
	case fails && chance < 0.1: // without any answer
		insert()
		f.silent[[2]string{endpoint, eventType}]++
		return
	case fails && chance < 0.4:
		answer = simulator.NoResponse(causes[f.rng.IntN(len(causes))])
	case fails:
		codes := []int{301, 404, 418, 429, 500, 503}
		answer = simulator.Responded(codes[f.rng.IntN(len(codes))])
	}
	if f.rng.Float64() < 0.1 {
		insert(simulator.Pending(), answer.After(time.Duration(f.rng.Int64N(int64(latest)))))
		return
	}
	id := insert(answer)
	if fails {
		f.failed[endpoint] = append(f.failed[endpoint], id)
	} else {
		f.final[id] = true
	}
}

// retry retries failed deliveries: most succeed, some fail differently. The program must have
// seen the earlier answers, which the truth counts.
func (f *traffic) retry() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for endpoint, events := range f.failed {
		f.failed[endpoint] = nil
		for _, id := range events {
			switch chance := f.rng.Float64(); {
			case chance < 0.7:
				f.account.SetAnswer(endpoint, id, simulator.Responded(200))
				f.failures[endpoint]--
			case chance < 0.85:
				f.account.SetAnswer(endpoint, id, simulator.Responded(504))
				f.failed[endpoint] = append(f.failed[endpoint], id)
			default:
				f.account.SetAnswer(endpoint, id, simulator.NoResponse(simulator.CauseReset))
				f.failed[endpoint] = append(f.failed[endpoint], id)
			}
			f.retries++
		}
	}
}

// forget removes all but the newest events from the lists, including those that could be
// retried.
func (f *traffic) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.failed)
	clear(f.failures)
	for _, id := range f.into {
		if events := f.account.EventIDs(id); len(events) > 20 {
			f.account.ForgetEvents(id, events[20:]...)
		}
	}
}

// addEndpoint adds an endpoint that has events from its first moment.
func (f *traffic) addEndpoint(e simulator.Endpoint) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := f.account.AddEndpoint(e)
	f.into = append(f.into, id)
	f.event(id, "video.process_failed")
}

// check compares a scrape with the truth, when nothing is under way.
func (f *traffic) check(s *scrape) error {
	if n := s.sum("webhook_deliveries_pending") + s.sum("omegastream_exporter_event_detail_backlog"); n != 0 {
		return fmt.Errorf("%v deliveries have no outcome yet", n)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return expect(f.account.Truth(), f.silent).compare(s)
}

// flow emits about n events at a time, until it is ended.
func (f *traffic) flow(t *testing.T, every time.Duration, n int) (end func()) {
	t.Helper()
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				f.emit(n)
			case <-stop:
				return
			}
		}
	})
	end = sync.OnceFunc(func() {
		close(stop)
		running.Wait()
	})
	t.Cleanup(end)
	return end
}
