package client

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testKey    = "sk-live+1/2=3"
	endpointID = "6336cd2b5790c27875f70d96"
	eventID    = "630fac88bd5bb64cf8b24b99"
)

// setup returns a client of a server whose API is below /base/, and the server's mux. The mux
// sees the full path, so a lost base path is a 404. The default timeout is long enough for a
// busy machine.
func setup(t testing.TB, o Options) (*Client, *http.ServeMux) {
	t.Helper()
	o.Timeout = orDefault(o.Timeout, 5*time.Minute)
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	c := newClient(t, server.URL+"/base/", o)
	t.Cleanup(func() { c.CloseIdleConnections(); server.Close() })
	return c, mux
}

func newClient(t testing.TB, url string, o Options) *Client {
	t.Helper()
	c, err := New(url, StaticKey(testKey), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// transport is an in-memory server for tests with a fake clock.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answerWith returns an answer whose headers are "Name: value" lines.
func answerWith(code int, body string, header ...string) *http.Response {
	h := http.Header{}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		h.Set(name, value)
	}
	return &http.Response{
		StatusCode: code, Header: h, ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// script answers each request with the next step, repeats the last step, and counts the
// requests.
type script struct {
	mu    sync.Mutex
	steps []func() (*http.Response, error)
	times []time.Time
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	step := s.steps[min(len(s.times), len(s.steps)-1)]
	s.times = append(s.times, time.Now())
	return step()
}

func (s *script) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.times)
}

func status(code int, body string, header ...string) func() (*http.Response, error) {
	return func() (*http.Response, error) { return answerWith(code, body, header...), nil }
}

func broken(err error) func() (*http.Response, error) {
	return func() (*http.Response, error) { return nil, err }
}

// counts is an Observer that counts.
type counts struct {
	mu      sync.Mutex
	codes   []int
	ops     []Operation
	last    time.Duration
	waited  time.Duration
	retries int
}

func (o *counts) Request(op Operation, code int, d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.codes, o.ops, o.last = append(o.codes, code), append(o.ops, op), d
}

func (o *counts) RateLimitWait(_ Operation, d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waited += d
}

func (o *counts) Retry(Operation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.retries++
}

func testdata(t testing.TB, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func reply(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}
}

// anEvent is an event without content, for tests of the call itself.
const anEvent = `{"id":"` + eventID + `"}`

func getEvent(ctx context.Context, c *Client) error {
	_, err := c.GetEvent(ctx, endpointID, eventID)
	return err
}

func hasText(err error, text string) bool {
	return err != nil && strings.Contains(err.Error(), text)
}
