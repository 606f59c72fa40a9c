package bench

import (
	"path/filepath"
	"testing"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/state/file"
	"omegastream_exporter/internal/syncer"
)

// BenchmarkCatchUp counts 100,000 events that happened at once, with their details and a
// state file. The limit is GETs of the details.
func BenchmarkCatchUp(b *testing.B) {
	const n = 100_000
	var products, limits, used []float64
	size := int64(0)
	for b.Loop() {
		stopServers() // each run needs a new account
		srv := serve(b, scenario{Endpoints: 1})
		store := file.New(filepath.Join(b.TempDir(), "ledger.db"))
		r := newRig(b, srv.URL, store, nil, syncer.Options{Concurrency: client.DefaultConcurrency})
		r.scrape()
		r.scrape() // contact: an old endpoint whose list is empty needs two
		srv.emit(b, srv.Endpoints[0], n)
		before, began := srv.traffic(b), cpu()
		products = append(products, took(r.scrape))
		used = append(used, float64(cpu()-began)/n)
		if counted := r.state.View(time.Now()).Endpoints[0]; counted.Tracked != n || counted.Backlog != 0 {
			b.Fatal(counted.Tracked, counted.Backlog)
		}
		if calls := srv.traffic(b).since(before).Requests; calls < n {
			b.Fatalf("%d calls for %d events", calls, n)
		}
		size = r.state.Size()
		events, bare := ids(b, r.api, srv.Endpoints[0]), newClient(b, client.DefaultConcurrency)
		limits = append(limits, took(func() {
			atATime(client.DefaultConcurrency, n, func(i int) {
				discard(b, get(b, bare, srv.URL+"/client/webhooks/"+srv.Endpoints[0]+"/events/"+events[i]))
			})
		}))
	}
	reportVersus(b, median(products), median(limits))
	b.ReportMetric(n/median(products)*1e9, "events/s")
	b.ReportMetric(median(used)/1e3, "cpu-us/event")
	b.ReportMetric(float64(size)/n, "B-file/event")
}
