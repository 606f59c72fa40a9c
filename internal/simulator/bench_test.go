package simulator_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
)

// million is a served account with an endpoint of a million events.
func million(b *testing.B) (a *simulator.Account, endpointID string) {
	b.Helper()
	a = simulator.New(simulator.Options{})
	endpointID = a.AddEndpoint(simulator.Endpoint{})
	a.Bulk(endpointID, 1_000_000, 80*time.Millisecond)
	return a, endpointID
}

// BenchmarkBulk creates a million events. B/event is the memory that they keep, including
// their rendered list.
func BenchmarkBulk(b *testing.B) {
	for b.Loop() {
		a, id := million(b)
		b.StopTimer()
		call(b, a, "/company/client/webhooks/"+id)
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/1e6, "B/event")
		runtime.KeepAlive(a)
		b.StartTimer()
	}
}

// BenchmarkList serves a list of a million events over loopback, with one new event each
// time.
func BenchmarkList(b *testing.B) {
	a, id := million(b)
	base, stop, err := simulator.Serve(a)
	if err != nil {
		b.Fatal(err)
	}
	defer stop()
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	get := func() int64 {
		a.Emit(id, "video.uploaded", simulator.Responded(200))
		r, _ := http.NewRequestWithContext(b.Context(), http.MethodGet, base+"/client/webhooks/"+id, nil)
		r.Header.Set("Authorization", "Bearer "+simulator.DefaultKey)
		resp, err := transport.RoundTrip(r)
		if err != nil {
			b.Fatal(err)
		}
		defer resp.Body.Close()
		n, _ := io.Copy(io.Discard, resp.Body)
		return n
	}
	b.SetBytes(get())
	for b.Loop() {
		get()
	}
}

// BenchmarkDetail serves details without a network.
func BenchmarkDetail(b *testing.B) {
	a := simulator.New(simulator.Options{})
	id := a.AddEndpoint(simulator.Endpoint{})
	a.Bulk(id, 10_000, time.Second)
	events := a.EventIDs(id)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		call(b, a, "/company/client/webhooks/"+id+"/events/"+events[i%len(events)])
		i++
	}
}

// discard is a ResponseWriter that discards the response.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

// call sends a request to the account without a network.
func call(b *testing.B, a *simulator.Account, path string) {
	b.Helper()
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, path, nil)
	r.Header.Set("Authorization", "Bearer "+simulator.DefaultKey)
	a.ServeHTTP(discard{make(http.Header)}, r)
}
