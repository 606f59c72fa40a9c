package bench

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"omegastream_exporter/internal/simulator"
)

// counted holds the counts of a server.
type counted struct{ dials, sent, requests atomic.Int64 }

func (c *counted) traffic() traffic {
	return traffic{c.dials.Load(), c.sent.Load(), c.requests.Load()}
}

// server returns a counting server that is not yet started.
func (c *counted) server(h http.Handler) *httptest.Server {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.requests.Add(1)
		h.ServeHTTP(w, r)
	}))
	s.Listener = &countingListener{s.Listener, c}
	return s
}

// serveCounted serves an account in this process, for tests.
func serveCounted(tb testing.TB, h http.Handler, seen *counted) (url string) {
	tb.Helper()
	s := seen.server(h)
	s.Start()
	tb.Cleanup(s.Close)
	return s.URL + simulator.BasePath
}

type countingListener struct {
	net.Listener
	seen *counted
}

func (l *countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.seen.dials.Add(1)
	return &countingConn{c, l.seen}, nil
}

type countingConn struct {
	net.Conn
	seen *counted
}

func (c *countingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.seen.sent.Add(int64(n))
	return n, err
}

// newClient returns the HTTP client of a limit. It has as many connections as concurrent
// requests, and asks for compression only if the exporter does.
func newClient(tb testing.TB, at int) *http.Client {
	t := &http.Transport{MaxIdleConns: at, MaxIdleConnsPerHost: at, MaxConnsPerHost: at, ForceAttemptHTTP2: true}
	tb.Cleanup(t.CloseIdleConnections)
	return &http.Client{Transport: t}
}

// get sends a request to the API, as the limits do. The caller reads and closes the body.
func get(tb testing.TB, c *http.Client, url string) io.ReadCloser {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		tb.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+simulator.DefaultKey)
	resp, err := c.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	return resp.Body
}

// discard reads an answer to its end.
func discard(tb testing.TB, body io.ReadCloser) {
	if _, err := io.Copy(io.Discard, body); err != nil {
		tb.Fatal(err)
	}
	_ = body.Close()
}

// readHead reads the beginning of an answer, and closes it.
func readHead(tb testing.TB, body io.ReadCloser) {
	if _, err := io.ReadFull(body, make([]byte, 4<<10)); err != nil && err != io.ErrUnexpectedEOF {
		tb.Fatal(err)
	}
	_ = body.Close()
}
