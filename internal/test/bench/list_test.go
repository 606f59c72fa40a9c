package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/simulator"
)

var sizes = []int{1_000, 100_000, 1_000_000}

// listBody returns a list of n events, 238 bytes each.
func listBody(n int) []byte {
	b := append(make([]byte, 0, n*239+2), '[')
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"id":"63377e715790c278%08x","created_at":"0001-01-01T00:00:00Z","ocid":"omega-cop-KoNef9DB5i","api_version":"v1","created":%d,"type":"video.process_succeeded","data":null,"endpoint_id":"6336cd2b5790c27875f70d96","response":null}`, n-i, 1664581231-i)
	}
	return append(b, ']')
}

// inMemory answers every request with a fixed body.
type inMemory []byte

func (m inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		Body: io.NopCloser(bytes.NewReader(m)), ContentLength: int64(len(m)), Request: r,
	}, nil
}

func newAPI(tb testing.TB, url string, transport http.RoundTripper) *client.Client {
	tb.Helper()
	api, err := client.New(url, client.StaticKey(simulator.DefaultKey), client.Options{Transport: transport, Timeout: patience})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(api.CloseIdleConnections)
	return api
}

// readList reads at most this many events of a list.
func readList(tb testing.TB, api *client.Client, endpoint string, most int) {
	list, err := api.ListEvents(tb.Context(), endpoint)
	if err != nil {
		tb.Fatal(err)
	}
	n := 0
	for range list.Events() {
		if n++; n == most {
			break
		}
	}
	if list.Err() != nil || n != most {
		tb.Fatal(n, list.Err())
	}
	list.Close()
}

// count counts ids, which is the least that any reader of a list does.
func count(tb testing.TB, body io.ReadCloser, want int) {
	defer body.Close()
	buf, n := make([]byte, 256<<10), 0
	for {
		m, err := body.Read(buf)
		n += bytes.Count(buf[:m], []byte(`"id":`))
		if err == io.EOF {
			break
		} else if err != nil {
			tb.Fatal(err)
		}
	}
	if n > want || n < want*99/100 { // it misses ids that lie across two reads
		tb.Fatal(n)
	}
}

// BenchmarkDecode reads a list in memory. The limits are bytes.Count, and a json.Decoder of
// the standard library.
func BenchmarkDecode(b *testing.B) {
	for _, n := range sizes {
		b.Run("events="+thousands(n), func(b *testing.B) {
			body := listBody(n)
			api := newAPI(b, "http://127.0.0.1", inMemory(body))
			var standard []float64
			versus(b, func() { readList(b, api, "e", n) }, func() { count(b, io.NopCloser(bytes.NewReader(body)), n) })
			for range 5 {
				standard = append(standard, took(func() { decodeStandard(b, body, n) }))
			}
			b.ReportMetric(median(standard)/1e6, "encoding/json-ms")
		})
	}
}

func decodeStandard(tb testing.TB, body []byte, want int) {
	d := json.NewDecoder(bytes.NewReader(body))
	_, err := d.Token()
	n := 0
	for ; err == nil && d.More(); n++ {
		var ev struct {
			ID      string `json:"id"`
			Created int64  `json:"created"`
			Type    string `json:"type"`
		}
		err = d.Decode(&ev)
	}
	if err != nil || n != want {
		tb.Fatal(n, err)
	}
}

// wires are the ways to connect to an API.
var wires = []struct {
	name string
	scenario
}{
	{"h1", scenario{}},
	{"h1-gzip", scenario{Gzip: true}},
	{"h1-tls", scenario{TLS: true}},
	{"h1-tls-gzip", scenario{TLS: true, Gzip: true}},
	{"h2-tls", scenario{H2: true}},
	{"h2-tls-gzip", scenario{H2: true, Gzip: true}},
}

// BenchmarkFullRead reads a list of a million events over loopback. The limit is a GET that
// counts ids.
func BenchmarkFullRead(b *testing.B) {
	const n = 1_000_000
	for _, wire := range wires {
		if wire.Gzip {
			continue // it would measure compress/gzip
		}
		b.Run(wire.name, func(b *testing.B) {
			s := wire.scenario
			s.Endpoints, s.Events, s.Spacing = 1, n, 80*time.Millisecond
			srv := serve(b, s)
			api, bare := newAPI(b, srv.URL, nil), newClient(b, 1)
			var used []float64
			versus(b, func() {
				began := cpu()
				readList(b, api, srv.Endpoints[0], n)
				used = append(used, float64(cpu()-began))
			}, func() { count(b, get(b, bare, srv.URL+"/client/webhooks/"+srv.Endpoints[0]), n) })
			b.ReportMetric(median(used)/1e6, "cpu-ms")
		})
	}
}

// BenchmarkEarlyStop reads the newest of a million events and closes the list. The limit is a
// GET that reads 4 KB and closes.
func BenchmarkEarlyStop(b *testing.B) {
	for _, wire := range wires {
		b.Run(wire.name, func(b *testing.B) {
			s := wire.scenario
			s.Endpoints, s.Events, s.Spacing = 1, 1_000_000, 80*time.Millisecond
			srv := serve(b, s)
			api, bare := newAPI(b, srv.URL, nil), newClient(b, 1)
			product := func() { readList(b, api, srv.Endpoints[0], 16) }
			before := srv.traffic(b)
			for range 8 {
				product()
			}
			seen := srv.traffic(b).since(before)
			versus(b, product, func() { readHead(b, get(b, bare, srv.URL+"/client/webhooks/"+srv.Endpoints[0])) })
			b.ReportMetric(float64(seen.Sent)/8/1e6, "MB-sent")
			b.ReportMetric(float64(seen.Dials)/8, "dials")
		})
	}
}
