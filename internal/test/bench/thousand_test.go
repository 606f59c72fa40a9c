package bench

import (
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
)

// BenchmarkThousand scrapes an exporter of a thousand endpoints again and again, with default
// settings and Prometheus's default timeout, while another program uses a CPU core. A scrape
// is late if Prometheus would have given up on it. -benchtime=40x makes forty scrapes.
func BenchmarkThousand(b *testing.B) {
	const endpoints, timeout = 1000, 10 * time.Second
	srv := serve(b, scenario{Endpoints: endpoints, Events: 10, Spacing: time.Minute})
	path := learned(b, srv)
	binary, err := exporter()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(binary, "--web.listen-address=127.0.0.1:0", "--api.url="+srv.URL, "--state.url=file:"+path)
	cmd.Env = append(os.Environ(), "OMEGASTREAM_API_KEY="+simulator.DefaultKey)
	p := launch(b, cmd)
	p.timeout = timeout
	defer p.stop()
	var stop atomic.Bool
	defer stop.Store(true)
	go func() {
		for n := 0; !stop.Load(); n++ { // uses a CPU core
			objectID(n)
		}
	}()
	const cpuSeconds = "process_cpu_seconds_total"
	before := value(p.metrics(), cpuSeconds)
	var last []byte
	var all []float64
	late := 0
	scrape := func() {
		all = append(all, took(func() { last = p.metrics() }))
		if all[len(all)-1] > float64(timeout) {
			late++
		}
	}
	for b.Loop() {
		scrape()
	}
	for len(all) < fewest {
		scrape()
	}
	b.ReportMetric(median(all), "ns/op")
	b.ReportMetric(percentile(all, 1)/1e9, "s-longest")
	b.ReportMetric(float64(late), "late")
	b.ReportMetric(float64(len(all)), "scrapes")
	b.ReportMetric((value(last, cpuSeconds)-before)/float64(len(all))*1e3, "cpu-ms/scrape")
	b.ReportMetric(p.peak()/1e6, "MB-peak")
	b.ReportMetric(float64(seriesIn(last)), "series")
}
