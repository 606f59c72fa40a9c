package e2e

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
	"omegastream_exporter/internal/test/postgres"
)

// chaosFor is how long TestReplicas makes trouble, in three waves. CHAOS_DURATION changes it:
// CHAOS_DURATION=30m go test -timeout=1h -run='TestReplicas$' ./internal/test/e2e
func chaosFor(t *testing.T) time.Duration {
	t.Helper()
	text, given := os.LookupEnv("CHAOS_DURATION")
	if !given {
		return 30 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("CHAOS_DURATION: %v", err)
	}
	return d
}

// Three replicas share a database. They are killed, paused for longer than their lease, and
// lose their connections at the worst moments, and the database is restarted and crashes. In
// the end each shows the truth, no value ever goes back, and the API hardly notices.
func TestReplicas(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
	const (
		waves       = 3
		seed        = 20261125
		hold        = time.Second
		perSecond   = 100
		concurrency = 4
	)
	var calls callRecord
	account, apiURL := serveAccount(t, simulator.Options{Seed: seed, Observe: calls.observe})
	for range 4 {
		account.Bulk(account.AddEndpoint(simulator.Endpoint{Active: true}), 20, time.Minute)
	}
	for _, f := range []simulator.Fault{
		{Operation: simulator.GetEvent, Probability: 0.3, Do: simulator.Delay(15 * time.Millisecond)},
		{Operation: simulator.ListEvents, Probability: 0.1, Do: simulator.Delay(20 * time.Millisecond)},
	} {
		account.AddFault(f)
	}
	server := postgres.Start(t)
	dsn := server.NewDatabase(t)
	w := newWitness(t, hold)
	var replicas []*replica
	for i := range 3 {
		p, through := proxied(t, dsn, seed+uint64(i))
		s := sharing(t, through, apiURL, "--collector.hold-new-series="+hold.String(), "--collector.min-interval=500ms",
			"--collector.no-response-after="+noResponse.String(), fmt.Sprintf("--api.rate-limit=%d", perSecond),
			fmt.Sprintf("--api.concurrency=%d", concurrency))
		s.binary, s.brief = impatient(t), true
		replicas = append(replicas, newReplica(t, fmt.Sprintf("replica %d", i), s, p, w, seed+uint64(i)))
	}
	everyone := func(ok func(*scrape) error) {
		t.Helper()
		for _, r := range replicas {
			r.await(ok)
		}
	}
	everyone(upAndContacted(4))
	account.Mark()
	calls.reset()
	account.ResetCalls()
	began := time.Now()

	traffic := newTraffic(account, seed)
	trouble := newTrouble(t, seed, server, replicas)
	for wave := range waves {
		// Start with a quiet time, in which replicas must show the same.
		end := traffic.flow(t, 50*time.Millisecond, 1)
		quiet := w.quiet()
		<-time.After(3 * time.Second)
		quiet()

		trouble.wave(chaosFor(t)/waves, func() { traffic.emit(150) }, func() {
			if wave < waves-1 {
				traffic.addEndpoint(simulator.Endpoint{Active: true})
			}
		})
		end()
		everyone(traffic.check) // replicas find a new endpoint within a minute
		if wave < waves-1 {
			traffic.retry()
		}
	}
	quiet := w.quiet()
	for _, r := range replicas { // it stays that way
		r.more(5)
		r.await(traffic.check)
	}
	quiet()
	for _, r := range replicas { // and after a last restart
		r.running.Load().stop()
		r.start()
	}
	everyone(traffic.check)
	for _, r := range replicas {
		r.end()
	}

	twice := calls.twice(traffic.final)
	// A fault loses the answers that are not yet committed. While a commit hangs, a replica asks
	// for another second, and the answers of that time can wait for the next commit, which hangs
	// as well.
	if unexplained := trouble.explain(twice, 2*(perSecond+concurrency)); len(unexplained) > 0 {
		t.Errorf("%d of %d details were asked for twice without a fault that explains it. There were %v.\n%s",
			len(unexplained), len(twice), trouble, strings.Join(unexplained[:min(10, len(unexplained))], "\n"))
	}
	total := account.Calls()
	if details := total.Requests[simulator.GetEvent]; len(twice) > details/4 {
		t.Errorf("%d of %d details were asked for twice", len(twice), details)
	}
	if most := perSecond * 5 / 4; total.MaxPerSecond > most { // a busy machine can bunch up requests, as in TestRateLimit
		t.Errorf("%d requests in a second, want at most %d", total.MaxPerSecond, perSecond)
	}
	if took := time.Since(began); float64(total.Total()) > perSecond*took.Seconds()+perSecond {
		t.Errorf("%d requests in %v, want at most %d a second", total.Total(), took, perSecond)
	}
	trouble.enough(waves)
	figures(t, "%d events, %d changed answers; %s; the state was loaded again %d times; %d scrapes; %d API calls (%d lists, %d details, %d of them twice), at most %d a second of %d; %v",
		traffic.events, traffic.retries, trouble, len(trouble.losses()), w.scrapes, total.Total(), total.Requests[simulator.ListEvents],
		total.Requests[simulator.GetEvent], len(twice), total.MaxPerSecond, perSecond, time.Since(began).Round(time.Second/10))
}

// callRecord records when each detail was requested.
type callRecord struct {
	mu    sync.Mutex
	asked map[string][]time.Time
}

func (c *callRecord) observe(r simulator.Request) {
	if r.Operation != simulator.GetEvent {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked == nil {
		c.asked = make(map[string][]time.Time)
	}
	c.asked[r.EventID] = append(c.asked[r.EventID], r.Start)
}

func (c *callRecord) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = nil
}

// double is a detail that was requested again.
type double struct {
	id          string
	first, next time.Time
}

// twice returns the second requests for events that need only one, with the request before,
// in order.
func (c *callRecord) twice(once map[string]bool) []double {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []double
	for id, times := range c.asked {
		if !once[id] {
			continue
		}
		slices.SortFunc(times, time.Time.Compare)
		for i := 1; i < len(times); i++ {
			found = append(found, double{id, times[i-1], times[i]})
		}
	}
	slices.SortFunc(found, func(a, b double) int { return cmp.Or(a.first.Compare(b.first), a.next.Compare(b.next)) })
	return found
}
