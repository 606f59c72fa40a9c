package app

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
	"omegastream_exporter/internal/syncer"
)

// replica is an exporter with a shared state, whose connections can be cut.
type replica struct {
	state    *state.State
	syncer   *syncer.Syncer
	database cutStore
	api      cutAPI
}

// cutStore is a store with a latency of 50 ms. While it is cut, neither requests nor answers
// arrive.
type cutStore struct {
	state.SharedStore
	cut *atomic.Bool
}

func (s cutStore) travel(ctx context.Context) error {
	timeout := time.NewTimer(5 * time.Second)
	defer timeout.Stop()
	select {
	case <-time.After(25 * time.Millisecond):
	case <-ctx.Done():
		return ctx.Err()
	}
	if !s.cut.Load() {
		return nil
	}
	select {
	case <-timeout.C:
		return state.ErrUnreachable
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s cutStore) Follow(ctx context.Context) (lease state.Lease, b *ledger.Batch, err error) {
	if err = s.travel(ctx); err == nil {
		lease, b, err = s.SharedStore.Follow(ctx)
		time.Sleep(25 * time.Millisecond)
	}
	return lease, b, err
}

func (s cutStore) Lead(ctx context.Context, bid state.Bid) (lease state.Lease, b *ledger.Batch, err error) {
	if err = s.travel(ctx); err == nil {
		lease, b, err = s.SharedStore.Lead(ctx, bid)
		time.Sleep(25 * time.Millisecond)
	}
	return lease, b, err
}

func (s cutStore) CommitLed(ctx context.Context, b *ledger.Batch) (lease state.Lease, err error) {
	if err = s.travel(ctx); err == nil {
		lease, err = s.SharedStore.CommitLed(ctx, b)
		time.Sleep(25 * time.Millisecond)
	}
	return lease, err
}

// cutAPI is the connection to the API. While it is cut, no requests arrive.
type cutAPI struct {
	http.RoundTripper
	cut   *atomic.Bool
	asked *asked
}

func (a cutAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.cut.Load() {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	a.asked.note(time.Now())
	return a.RoundTripper.RoundTrip(r)
}

// asked records when any replica sent a request to the API.
type asked struct {
	mu    sync.Mutex
	times []time.Time
}

func (a *asked) note(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.times = append(a.times, now)
}

// busiest returns the highest number of requests in any second.
func (a *asked) busiest() (most int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	first := 0
	for last := range a.times {
		for a.times[last].Sub(a.times[first]) >= time.Second {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

func startReplica(t *testing.T, account *simulator.Account, shared *storetest.Shared, calls *asked, perSecond float64) *replica {
	t.Helper()
	const url = "http://api.example.com" + simulator.BasePath
	r := &replica{database: cutStore{shared.Store(), new(atomic.Bool)}, api: cutAPI{simulator.Transport(account), new(atomic.Bool), calls}}
	api, err := client.New(url, client.StaticKey(simulator.DefaultKey), client.Options{RateLimit: perSecond, Transport: r.api})
	if err == nil {
		r.state, _, err = state.Open(t.Context(), r.database, url, storetest.Policy(), storetest.Quiet{})
	}
	if err != nil {
		t.Fatal(err)
	}
	carryLimits(api.Limiter(), r.state)
	r.syncer = syncer.New(api, r.state, syncer.Options{MinInterval: 4 * time.Second, RateLimit: perSecond})
	t.Cleanup(func() {
		ctx := context.Background()
		if err := r.syncer.Close(ctx); err != nil {
			t.Error(err)
		}
		_ = r.state.Close(ctx) // a replica that was cut off can have changes left, which another one counts
		api.CloseIdleConnections()
	})
	return r
}

// Whenever the lease changes hands, no second has more requests than the rate limit and a
// tenth. While a scrape waits, a leader without heartbeats is replaced within 7 s.
func TestHandOvers(t *testing.T) {
	t.Parallel()
	const (
		perSecond = 20
		replicas  = 8
		rounds    = 10
		away      = 12 * time.Second
		within    = 7 * time.Second
	)
	synctest.Test(t, func(t *testing.T) {
		account := simulator.New(simulator.Options{Seed: 61})
		for range 60 {
			account.AddEndpoint(simulator.Endpoint{Active: true})
		}
		shared, calls := storetest.NewShared(), new(asked)
		var all []*replica
		for range replicas {
			r := startReplica(t, account, shared, calls, perSecond)
			r.syncer.Wait(t.Context()) // asks once, outside the limit, which account the key opens
			all = append(all, r)
		}
		scraping, end := context.WithCancel(t.Context())
		var scrapers sync.WaitGroup
		for i, r := range all {
			scrapers.Go(func() {
				for scraping.Err() == nil {
					ctx, cancel := context.WithTimeout(scraping, 10*time.Second)
					r.syncer.Wait(ctx)
					cancel()
					time.Sleep(time.Second + time.Duration(i)*50*time.Millisecond)
				}
			})
		}
		cuts := 0
		for round := range rounds {
			for _, id := range account.EndpointIDs()[:10] {
				account.Emit(id, "video.process_failed", simulator.Responded(503))
			}
			time.Sleep(time.Duration(round*137%1000) * time.Millisecond)
			leader := leading(t, all)
			leader.database.cut.Store(true)
			leader.api.cut.Store(round%2 == 0) // like a stopped process in every second round; otherwise it can still call the API
			time.Sleep(away)
			if leader.state.SurelyLeads() {
				t.Errorf("round %d: it still leads after %v without a heartbeat", round, away)
			}
			leader.database.cut.Store(false)
			leader.api.cut.Store(false)
			cuts++
		}
		end()
		scrapers.Wait()
		if n := calls.busiest(); n > perSecond*11/10 {
			t.Errorf("%d requests in a second, want at most %d", n, perSecond)
		}
		silences := shared.Silences()
		for _, silence := range silences {
			if silence > within {
				t.Errorf("a leader was replaced %v after its last heartbeat", silence)
			}
		}
		if len(silences) < cuts*8/10 { // some were about to release the lease
			t.Errorf("%d of %d leaders were replaced", len(silences), cuts)
		}
		t.Logf("%d requests in a second at most, replaced after %v", calls.busiest(), silences)
	})
}

// leading waits until one of the replicas leads, and returns it.
func leading(t *testing.T, all []*replica) *replica {
	t.Helper()
	for range 1000 {
		for _, r := range all {
			if r.state.SurelyLeads() {
				return r
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("nobody leads")
	return nil
}
