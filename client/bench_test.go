package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
)

// listBody returns a list of n events of 238 bytes each.
func listBody(n int) []byte {
	b := make([]byte, 0, n*238+2)
	b = append(b, '[')
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"id":"63377e715790c278%08x","created_at":"0001-01-01T00:00:00Z","ocid":"omega-cop-KoNef9DB5i","api_version":"v1","created":%d,"type":"video.process_succeeded","data":null,"endpoint_id":"6336cd2b5790c27875f70d96","response":null}`, n-i, 1664581231-i)
	}
	return append(b, ']')
}

func serve(tb testing.TB, h2 bool, h http.HandlerFunc) (url string, hc *http.Client) {
	tb.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = h2
	if h2 {
		s.StartTLS()
	} else {
		s.Start()
	}
	tb.Cleanup(s.Close)
	return s.URL, s.Client()
}

func BenchmarkListEvents(b *testing.B) {
	const events = 1_000_000
	body := listBody(events)
	for _, h2 := range []bool{false, true} {
		name := "h1"
		if h2 {
			name = "h2"
		}
		url, hc := serve(b, h2, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			_, _ = w.Write(body)
		})
		b.Run(name+"/bare", func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				resp, err := hc.Get(url)
				if err != nil {
					b.Fatal(err)
				}
				buf, n := make([]byte, 256<<10), 0
				for {
					m, err := resp.Body.Read(buf)
					n += bytes.Count(buf[:m], []byte(`"id":`))
					if err == io.EOF {
						break
					} else if err != nil {
						b.Fatal(err)
					}
				}
				resp.Body.Close()
			}
		})
		b.Run(name+"/client", func(b *testing.B) {
			c, err := New(url, StaticKey("k"), Options{Transport: hc.Transport})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				l, err := c.ListEvents(context.Background(), "e")
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for range l.Events() {
					n++
				}
				if n != events || !l.Complete() {
					b.Fatal(n, l.Err())
				}
			}
		})
	}
}

func BenchmarkDecodeList(b *testing.B) {
	body := listBody(100_000)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r := &eventReader{decoder: newDecoder(bytes.NewReader(body)), types: map[string]string{}}
		r.allow(maxElement)
		_ = r.open('[')
		for r.json.PeekKind() != ']' {
			if ok, err := r.element(); !ok || err != nil {
				b.Fatal(err)
			}
		}
		r.recycle()
	}
}

func BenchmarkListEventsStoppedEarly(b *testing.B) {
	body := listBody(1_000_000)
	url, hc := serve(b, false, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	})
	c, err := New(url, StaticKey("k"), Options{Transport: hc.Transport})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		l, err := c.ListEvents(context.Background(), "e")
		if err != nil {
			b.Fatal(err)
		}
		for range l.Events() {
			break
		}
	}
}
