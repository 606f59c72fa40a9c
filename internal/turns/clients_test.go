package turns

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/test/postgres/proxy"
)

// api answers every call in its time and notes when it was asked.
type api struct {
	took   time.Duration
	refuse atomic.Bool // the next request
	mu     sync.Mutex
	times  []time.Time
}

func (a *api) RoundTrip(r *http.Request) (*http.Response, error) {
	now := time.Now()
	a.mu.Lock()
	a.times = append(a.times, now)
	a.mu.Unlock()
	if a.refuse.CompareAndSwap(true, false) {
		return answer(r, http.StatusTooManyRequests, http.Header{"Retry-After": {"2"}}, ""), nil
	}
	time.Sleep(a.took)
	return answer(r, http.StatusOK, http.Header{}, `{"id":"`+eventID+`"}`), nil
}

func answer(r *http.Request, code int, h http.Header, body string) *http.Response {
	return &http.Response{
		StatusCode: code, Header: h, Request: r, ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

const eventID = "630fac88bd5bb64cf8b24b99"

// replicas returns a client for each limiter.
func replicas(t testing.TB, all []*Limiter, perSecond float64, a *api) []*client.Client {
	t.Helper()
	clients := make([]*client.Client, len(all))
	for i, l := range all {
		c, err := client.New("http://api", client.StaticKey("key"), client.Options{
			Transport: a, RateLimit: perSecond, Concurrency: 32, Turns: l, Timeout: time.Minute,
		})
		if err != nil {
			t.Fatal(err)
		}
		clients[i] = c
	}
	return clients
}

// ask makes n calls of each client, 32 at a time. One that the limiter was away for is
// made again: on a busy machine cuts may come faster than connections.
func ask(t testing.TB, clients []*client.Client, n int) {
	t.Helper()
	var busy sync.WaitGroup
	for _, c := range clients {
		var left atomic.Int64
		left.Store(int64(n))
		for range 32 {
			busy.Go(func() {
				for left.Add(-1) >= 0 {
					_, err := c.GetEvent(context.Background(), "endpoint", eventID)
					for errors.Is(err, client.ErrLimiter) {
						_, err = c.GetEvent(context.Background(), "endpoint", eventID)
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	busy.Wait()
}

// most returns the most requests that any second saw.
func (a *api) most() (most int) {
	first := 0
	for last := range a.times {
		for a.times[last].Sub(a.times[first]) >= time.Second {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

// Three replicas together stay within the rate, while their connections to the
// database are cut, and whoever is refused pauses all.
func TestReplicasTogether(t *testing.T) {
	t.Parallel()
	const perSecond = 200
	server, at := own(t)
	between := proxy.New(t, server.Address(), 1)
	all := limiters(t, server.URLAt(between.Address(), database(t, at)), 3)
	a := &api{took: 10 * time.Millisecond}
	clients := replicas(t, all, perSecond, a)
	done := make(chan struct{})
	var cutter sync.WaitGroup
	cutter.Go(func() {
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				between.Cut()
			case <-done:
				return
			}
		}
	})
	between.Set(proxy.Chances{Message: 0.01})
	ask(t, clients, 70)
	close(done)
	cutter.Wait()
	before := len(a.times)
	between.Set(proxy.Chances{})

	a.refuse.Store(true)
	ask(t, clients, 70)
	t.Logf("%d requests, at most %d in a second, %+v", len(a.times), a.most(), between.Counts())
	if got := a.most(); got > perSecond+perSecond/10+1 {
		t.Errorf("%d requests in a second", got)
	}
	refused := a.times[before]
	late := 0
	for _, at := range a.times[before+1:] {
		if since := at.Sub(refused); since > client.TurnsAhead+100*time.Millisecond && since < 2*time.Second {
			t.Errorf("a request %v into the pause", since)
		} else if since >= 2*time.Second {
			late++
		}
	}
	if late == 0 {
		t.Error("no request after the pause")
	}
}

func BenchmarkReserve(b *testing.B) {
	l := limiters(b, fresh(b), 1)[0]
	for b.Loop() {
		if _, err := l.Reserve(b.Context(), 1, 1e6); err != nil {
			b.Fatal(err)
		}
	}
}

// What three replicas reach of a limit of 500 a second, and at what cost.
func BenchmarkThreeReplicas(b *testing.B) {
	const perSecond = 500
	url := fresh(b)
	a := &api{took: 20 * time.Millisecond}
	clients := replicas(b, limiters(b, url, 3), perSecond, a)
	ask(b, clients, 10) // connect
	writes := func() (n float64) {
		conn := connect(b, url)
		defer conn.Close(b.Context())
		if err := conn.QueryRow(b.Context(), "SELECT n_tup_upd + pg_stat_get_xact_tuples_updated(relid) FROM pg_stat_user_tables WHERE relname = 'limiter'").Scan(&n); err != nil {
			b.Fatal(err)
		}
		return n
	}
	before := writes()
	begin := time.Now()
	for b.Loop() {
		ask(b, clients, 500)
	}
	took := time.Since(begin).Seconds()
	time.Sleep(time.Second) // until the backends have reported
	b.ReportMetric(float64(1500*b.N)/took, "requests/s")
	b.ReportMetric((writes()-before)/took, "reservations/s")
	b.ReportMetric(float64(a.most()), "most/s")
}
