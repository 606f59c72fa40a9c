package bench

import (
	"path/filepath"
	"testing"
	"time"

	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/file"
)

// BenchmarkMemory measures the exporter's resident memory with n tracked events, after a
// start, its full read, and scrapes; and at contact with n events. The time is that from the
// start to the first answer.
func BenchmarkMemory(b *testing.B) {
	for _, n := range sizes {
		srv := serve(b, scenario{Endpoints: 1, Events: n, Spacing: 80 * time.Millisecond})
		path := learned(b, srv)
		b.Run("tracked="+thousands(n), func(b *testing.B) {
			var peaks, resident []float64
			for b.Loop() {
				p := startProcess(b, srv.URL, "file:"+path)
				var last []byte
				for range 20 {
					last = p.metrics()
				}
				if tracked := value(last, "omegastream_exporter_tracked_events"); int(tracked) < n*95/100 {
					b.Errorf("%v events tracked, want %d", tracked, n)
				}
				resident = append(resident, value(last, "process_resident_memory_bytes"))
				peaks = append(peaks, p.peak())
				p.stop()
			}
			b.ReportMetric(median(resident)/1e6, "MB-resident")
			b.ReportMetric(median(peaks)/1e6, "MB-peak")
		})
		b.Run("contact="+thousands(n), func(b *testing.B) {
			var peaks []float64
			for b.Loop() {
				p := startProcess(b, srv.URL, "file:"+filepath.Join(b.TempDir(), "ledger.db"))
				// Do not wait until each event's detail was fetched.
				if listed := value(p.metrics(), "webhook_events_listed"); int(listed) != n {
					b.Errorf("%v events listed, want %d", listed, n)
				}
				peaks = append(peaks, p.peak())
				p.stop()
			}
			b.ReportMetric(median(peaks)/1e6, "MB-peak")
		})
	}
}

// BenchmarkMemoryOfEndpoints measures the memory of accounts with ten events for each
// endpoint.
func BenchmarkMemoryOfEndpoints(b *testing.B) {
	for _, n := range []int{1, 1_000} {
		b.Run("endpoints="+thousands(n), func(b *testing.B) {
			srv := serve(b, scenario{Endpoints: n, Events: 10, Spacing: time.Minute})
			var peaks, size, answers []float64
			for b.Loop() {
				path := filepath.Join(b.TempDir(), "ledger.db")
				p := startProcess(b, srv.URL, "file:"+path)
				p.metrics()
				answers = append(answers, took(func() { size = append(size, float64(len(p.metrics()))) }))
				peaks = append(peaks, p.peak())
				p.stop()
			}
			b.ReportMetric(median(answers), "ns/op")
			b.ReportMetric(median(size)/1e6, "MB-answer")
			b.ReportMetric(median(peaks)/1e6, "MB-peak")
		})
	}
}

// BenchmarkFirstAnswer measures the time from the start of the program to its first answer,
// with a million tracked events and an API that refuses the key, so that everything shown
// comes from the state. The limit is the same with an empty state.
func BenchmarkFirstAnswer(b *testing.B) {
	srv := serve(b, scenario{Endpoints: 1, Refuse: true})
	path := filepath.Join(b.TempDir(), "ledger.db")
	st, _, err := state.Open(b.Context(), file.New(path), srv.URL, policy(), quiet{})
	if err != nil {
		b.Fatal(err)
	}
	fill(b, st, 1_000_000)
	closeState(b, st)
	if _, err := exporter(); err != nil {
		b.Fatal(err)
	}
	var used []float64
	start := func(url string) func() {
		return func() {
			p := startProcess(b, srv.URL, url)
			defer func() {
				if cpu := p.stop(); url != "memory:" {
					used = append(used, float64(cpu))
				}
			}()
			if tracked := value(p.metrics(), "omegastream_exporter_tracked_events"); url != "memory:" && tracked != 1_000_000 {
				b.Errorf("%v events tracked, want 1000000", tracked)
			}
		}
	}
	versus(b, start("file:"+path), start("memory:"))
	b.ReportMetric(median(used)/1e6, "cpu-ms")
}
