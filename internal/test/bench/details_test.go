package bench

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/simulator"
)

// ids returns the ids of an endpoint's events.
func ids(tb testing.TB, api *client.Client, endpoint string) (all []string) {
	tb.Helper()
	list, err := api.ListEvents(tb.Context(), endpoint)
	if err != nil {
		tb.Fatal(err)
	}
	for ev := range list.Events() {
		all = append(all, string(ev.ID))
	}
	if list.Err() != nil {
		tb.Fatal(list.Err())
	}
	return all
}

// atATime does n pieces of work, several at a time.
func atATime(at, n int, work func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range at {
		all.Go(func() {
			for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
				work(i - 1)
			}
		})
	}
	all.Wait()
}

// BenchmarkDetails fetches details, several at a time. The limit is a GET of each that
// discards the body, or, with a delay, the latency.
func BenchmarkDetails(b *testing.B) {
	for _, delay := range []time.Duration{0, 50 * time.Millisecond} {
		for _, at := range []int{1, 8, 32, 128} {
			b.Run(fmt.Sprintf("delay=%v/at=%d", delay, at), func(b *testing.B) {
				srv := serve(b, scenario{Endpoints: 1, Events: 10_000, Spacing: time.Second, Delay: delay})
				n := 4000
				if delay > 0 {
					n = 20 * at
				}
				benchDetails(b, srv, at, n, delay)
			})
		}
	}
}

func benchDetails(b *testing.B, srv *server, at, n int, delay time.Duration) {
	api, err := client.New(srv.URL, client.StaticKey(simulator.DefaultKey), client.Options{Concurrency: at})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(api.CloseIdleConnections)
	events := ids(b, newAPI(b, srv.URL, nil), srv.Endpoints[0])
	bare := newClient(b, at)
	var used, bareUsed, products, bares []float64
	run := func(took, used *[]float64, one func(event string)) func() {
		return func() {
			began, cpuBegan := time.Now(), cpu()
			atATime(at, n, func(i int) { one(events[i%len(events)]) })
			*took = append(*took, float64(time.Since(began))/float64(n))
			*used = append(*used, float64(cpu()-cpuBegan)/float64(n))
		}
	}
	product := run(&products, &used, func(event string) {
		if _, err := api.GetEvent(b.Context(), srv.Endpoints[0], event); err != nil {
			b.Error(err)
		}
	})
	limit := run(&bares, &bareUsed, func(event string) {
		discard(b, get(b, bare, srv.URL+"/client/webhooks/"+srv.Endpoints[0]+"/events/"+event))
	})
	before := srv.traffic(b)
	product()
	dials := srv.traffic(b).since(before).Dials
	limit()
	products, bares, used, bareUsed = nil, nil, nil, nil
	versus(b, product, limit)
	reportVersus(b, median(products), median(bares))
	if delay > 0 {
		most := float64(delay) / float64(at)
		b.ReportMetric(100*most/median(products), "%-of-latency")
		b.ReportMetric(100*most/median(bares), "limit-%-of-latency")
	}
	b.ReportMetric(median(used)/1e3, "cpu-us/detail")
	b.ReportMetric(median(bareUsed)/1e3, "limit-cpu-us/detail")
	b.ReportMetric(float64(dials), "dials")
}
