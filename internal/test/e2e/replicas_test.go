package e2e

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
	"omegastream_exporter/internal/test/postgres"
	"omegastream_exporter/internal/test/postgres/proxy"
)

// lease is how long a replica that is gone keeps its lease.
const lease = 5 * time.Second

// sharing returns the setup of a replica with its state in a database. It passes the URL
// through the environment, because it contains a password.
func sharing(t *testing.T, dsn, apiURL string, args ...string) setup {
	t.Helper()
	s := watching(t, apiURL, args...)
	s.args = slices.DeleteFunc(s.args, func(arg string) bool { return strings.HasPrefix(arg, "--state.url=") })
	s.env = append(s.env, "OMEGASTREAM_EXPORTER_STATE_URL="+dsn)
	return s
}

// by returns the URL of a database through another address.
func by(t *testing.T, dsn, address string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = address
	return u.String()
}

// host returns the address in a URL.
func host(t *testing.T, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// proxied returns the URL of a database through a new proxy.
func proxied(t *testing.T, dsn string, seed uint64) (*proxy.Proxy, string) {
	t.Helper()
	p := proxy.New(t, host(t, dsn), seed)
	return p, by(t, dsn, p.Address())
}

// scrapeAll scrapes several programs at the same time.
func scrapeAll(t *testing.T, timeout time.Duration, programs ...*program) []*scrape {
	t.Helper()
	got := make([]*scrape, len(programs))
	var all sync.WaitGroup
	for i, p := range programs {
		all.Go(func() {
			var err error
			if got[i], err = p.scrape(timeout); err != nil {
				t.Error(err)
				got[i] = &scrape{}
			}
		})
	}
	all.Wait()
	return got
}

// serveReplicas starts n replicas with a new database on the shared server, and waits until
// one has contacted all endpoints.
func serveReplicas(t *testing.T, n int, account *simulator.Account, apiURL string, args ...string) []*program {
	t.Helper()
	s := sharing(t, postgres.NewDatabase(t), apiURL, append([]string{"--api.rate-limit=200"}, args...)...)
	var replicas []*program
	for range n {
		replicas = append(replicas, s.serve(t))
	}
	eventually(t, func() error {
		return upAndContacted(len(account.EndpointIDs()))(replicas[0].mustScrape(5 * time.Second))
	})
	return replicas
}

// Replicas that are scraped at the same time read each list once between them, and all show
// what was read.
func TestReplicasShareOneSync(t *testing.T) {
	t.Parallel()
	const (
		replicas = 3
		rounds   = 4
		events   = 20
	)
	account, apiURL := serveAccount(t, simulator.Options{Seed: 21})
	for range 2 {
		account.AddEndpoint(simulator.Endpoint{Active: true})
	}
	programs := serveReplicas(t, replicas, account, apiURL, "--collector.min-interval=1s", "--collector.hold-new-series=0")
	account.Mark()
	scrapeAll(t, 5*time.Second, programs...)
	account.AddFault(simulator.Fault{Operation: simulator.ListEvents, Do: simulator.Delay(300 * time.Millisecond)})

	for range rounds {
		before := syncs(t, programs)
		account.ResetCalls()
		for range events {
			for _, id := range account.EndpointIDs() {
				account.Emit(id, "video.process_succeeded", simulator.Responded(200))
			}
		}
		// Scrapes soon after a sync show what it has read.
		times := 2 // plus the scrapes that count the syncs
		eventually(t, func() error {
			times++
			var wrong error
			for i, got := range scrapeAll(t, 10*time.Second, programs...) {
				if err := expect(account.Truth(), nil).compare(got); err != nil {
					wrong = fmt.Errorf("replica %d: %w", i, err)
				}
			}
			return wrong
		})
		made := syncs(t, programs) - before
		if made > times {
			t.Errorf("%d syncs for %d scrapes of %d replicas at once", made, times, replicas)
		}
		calls := account.Calls()
		for id, n := range calls.Lists {
			if n > made+1 { // a sync can be under way
				t.Errorf("the list of %s was read %d times in %d syncs", id, n, made)
			}
		}
		if n := calls.Requests[simulator.GetEvent]; n != 2*events {
			t.Errorf("%d details for %d events", n, 2*events)
		}
	}
}

// syncs returns the number of syncs of all programs together.
func syncs(t *testing.T, programs []*program) int {
	t.Helper()
	sum := 0.0
	for _, got := range scrapeAll(t, 10*time.Second, programs...) {
		sum += got.sum("omegastream_exporter_syncs_total")
	}
	return int(sum)
}

// However often replicas are scraped, the API sees no more syncs than of one.
func TestReplicasKeepOneInterval(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
	const interval = time.Second
	account, apiURL := serveAccount(t, simulator.Options{Seed: 22})
	account.AddEndpoint(simulator.Endpoint{Active: true})
	programs := serveReplicas(t, 3, account, apiURL, "--collector.min-interval="+interval.String())
	account.ResetCalls()
	began := time.Now()
	for account.Calls().Requests[simulator.ListEvents] < 6 {
		scrapeAll(t, 5*time.Second, programs...)
		if time.Since(began) > patience {
			t.Fatalf("%v in %v", account.Calls().Requests, time.Since(began))
		}
	}
	took := time.Since(began)
	if most := int(took/interval) + 1; account.Calls().Requests[simulator.ListEvents] > most {
		t.Errorf("%d syncs in %v, one replica would make %d", account.Calls().Requests[simulator.ListEvents], took, most)
	}
}

// If the API asks one replica to wait, all of them wait, and so does one that starts after
// those have gone.
func TestReplicasObeyOnePause(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
	const pause = 10 * time.Second // longer than a lease
	var mu sync.Mutex
	var log []simulator.Request
	account, apiURL := serveAccount(t, simulator.Options{Seed: 25, Observe: func(r simulator.Request) {
		mu.Lock()
		defer mu.Unlock()
		log = append(log, r)
	}})
	for range 3 {
		account.AddEndpoint(simulator.Endpoint{Active: true})
	}
	s := sharing(t, postgres.NewDatabase(t), apiURL, "--collector.min-interval=0s", "--collector.hold-new-series=0")
	programs := []*program{s.serve(t), s.serve(t)}
	eventually(t, func() error { return upAndContacted(3)(programs[0].mustScrape(5 * time.Second)) })
	account.AddFault(simulator.Fault{Times: 1, Do: simulator.TooManyRequests(pause)})
	told := func() (at time.Time) {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range log {
			if r.Code == 429 {
				at = r.Start
			}
		}
		return at
	}
	eventually(t, func() error {
		scrapeAll(t, 500*time.Millisecond, programs...)
		if told().IsZero() {
			return fmt.Errorf("no replica was asked to wait")
		}
		return nil
	})
	scrapeAll(t, time.Second, programs...) // the others do not learn of the pause at once
	for _, p := range programs {
		p.kill()
	}
	last := s.serve(t)
	eventually(t, func() error {
		last.mustScrape(500 * time.Millisecond)
		if since := time.Since(told()); since < pause+pause/2 {
			return fmt.Errorf("the pause is not over")
		}
		return nil
	})
	at := told()
	mu.Lock()
	defer mu.Unlock()
	early, after := 0, 0
	for _, r := range log {
		switch since := r.Start.Sub(at); {
		case since > 500*time.Millisecond && since < pause: // allow for requests that were under way
			early++
		case since >= pause:
			after++
		}
	}
	if early > 0 || after == 0 {
		t.Errorf("%d requests during a pause of %v, %d after it", early, pause, after)
	}
}
