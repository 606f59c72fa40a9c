package client

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// dialed returns a client and the number of connections that its server accepted.
func dialed(t testing.TB, o Options, h http.HandlerFunc) (*Client, *atomic.Int32) {
	t.Helper()
	o.Timeout = orDefault(o.Timeout, 5*time.Minute)
	var dials atomic.Int32
	server := httptest.NewUnstartedServer(h)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			dials.Add(1)
		}
	}
	server.Start()
	c := newClient(t, server.URL, o)
	t.Cleanup(func() { c.CloseIdleConnections(); server.Close() })
	return c, &dials
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	const requests = 10
	short, long := string(listBody(200)), string(listBody(20_000))
	chunked := func(w http.ResponseWriter) { w.(http.Flusher).Flush() }
	sized := func(n int) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.Header().Set("Content-Length", strconv.Itoa(n)) }
	}
	refuse := func(code int) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(code) }
	}
	for _, tt := range []struct {
		name string
		head func(http.ResponseWriter)
		body string
		stop int  // after so many events, 0 = never
		used bool // whether connections are reused
	}{
		{"complete, chunked", chunked, long, 0, true},
		{"complete, sized", sized(len(long)), long, 0, true},
		{"complete, with data after the end", chunked, short + "\n\n", 0, true},
		{"stopped early in a short list, chunked", chunked, short, 1, true},
		{"stopped early in a short list, sized", sized(len(short)), short, 1, true},
		{"stopped early in a long list, chunked", chunked, long, 1, false},
		{"stopped early in a long list, sized", sized(len(long)), long, 1, false},
		{"stopped at the end of a long list, sized", sized(len(long)), long, 19_950, true},
		{"not found", refuse(404), "nothing here", 0, true},
		{"a long error", refuse(403), strings.Repeat("x", maxErrorBody+1000), 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, dials := dialed(t, Options{Concurrency: 1}, func(w http.ResponseWriter, _ *http.Request) {
				tt.head(w)
				_, _ = io.WriteString(w, tt.body)
			})
			for range requests {
				l, err := c.ListEvents(t.Context(), endpointID)
				if err != nil {
					continue
				}
				n := 0
				for range l.Events() {
					if n++; n == tt.stop {
						break
					}
				}
			}
			// A few new connections are fine: the next request can come before a connection
			// is free again, and the client does not wait for a rest that takes long to read.
			if got := dials.Load(); tt.used && got > requests/2 || !tt.used && got != requests {
				t.Errorf("%d connections for %d requests", got, requests)
			}
		})
	}
}

// Closing a list waits only briefly for the rest of the body, and not at all for a large
// rest.
func TestCloseIsPatientOnlyForAMoment(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		size int64
		want time.Duration
	}{
		{"unknown size", -1, drainPatience},
		{"little left", 1000, drainPatience},
		{"much left", 1_000_000, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, "http://api", Options{Transport: transport(func(r *http.Request) (*http.Response, error) {
					a, err := stall(`[{"id":"a"},`)(r)
					a.ContentLength = tt.size
					return a, err
				})})
				l, err := c.ListEvents(t.Context(), endpointID)
				if err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				for range l.Events() {
					break
				}
				if took := time.Since(begin); took != tt.want || l.Err() != nil {
					t.Errorf("took %v, error %v", took, l.Err())
				}
			})
		})
	}
}

func TestConcurrencyBoundsConnections(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int32
	c, dials := dialed(t, Options{Concurrency: 8}, func(w http.ResponseWriter, r *http.Request) {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer now.Add(-1)
		reply(anEvent)(w, r)
	})
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for range 30 {
				if err := getEvent(t.Context(), c); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if dials.Load() > 16 || most.Load() > 8 { // twice as many, as slow lists have their own
		t.Errorf("%d connections, %d requests at a time", dials.Load(), most.Load())
	}
}

func TestCompressedAnswers(t *testing.T) {
	t.Parallel()
	zipped := func(body string) http.HandlerFunc {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = io.WriteString(z, body)
		_ = z.Close()
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(packed.Bytes())
		}
	}
	c, mux := setup(t, Options{})
	mux.HandleFunc("/base/client/webhooks/all", zipped(`[{"id":"a"}]`))
	mux.HandleFunc("/base/client/webhooks/bomb/events/x", zipped(`{"data":"`+strings.Repeat("0", 2*maxEventBody)+`"}`))
	if got, err := c.ListEndpoints(t.Context()); err != nil || len(got.Endpoints) != 1 {
		t.Errorf("%v, error %v", got, err)
	}
	if _, err := c.GetEvent(t.Context(), "bomb", "x"); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error %v", err)
	}
}

func TestHTTP2(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("asked by %s", r.Proto)
		}
		if strings.HasSuffix(r.URL.Path, "/all") {
			reply(`[{"id":"a"}]`)(w, r)
			return
		}
		_, _ = w.Write(listBody(10_000))
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	own := newTransport(4)
	own.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	c := newClient(t, server.URL, Options{Transport: own})
	defer c.CloseIdleConnections()
	if got, err := c.ListEndpoints(t.Context()); err != nil || len(got.Endpoints) != 1 {
		t.Errorf("%v, error %v", got, err)
	}
	l, err := c.ListEvents(t.Context(), endpointID)
	if err != nil {
		t.Fatal(err)
	}
	if all := readAll(l); len(all) != 10_000 || l.Err() != nil {
		t.Errorf("%d events, error %v", len(all), l.Err())
	}
}

func TestUnknownCertificateIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(reply(anEvent))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains about the client
	server.StartTLS()
	defer server.Close()
	o := &counts{}
	c := newClient(t, server.URL, Options{Observer: o})
	defer c.CloseIdleConnections()
	if err := getEvent(t.Context(), c); !errors.Is(err, ErrConnection) || !hasText(err, "certificate") || o.retries != 0 {
		t.Errorf("error %v, %d retries", err, o.retries)
	}
}

// ending is an Observer that cancels its caller's context with the first request.
type ending struct {
	noObserver
	end context.CancelFunc
}

func (e ending) Request(Operation, int, time.Duration) { e.end() }

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(nil)
	server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	c := newClient(t, server.URL, Options{Observer: ending{end: cancel}})
	if err := getEvent(ctx, c); !errors.Is(err, ErrConnection) || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func BenchmarkGetEvent(b *testing.B) {
	body := strings.Replace(detailOf(2200), "ID", eventID, 1)
	c, dials := dialed(b, Options{Concurrency: 32}, reply(body))
	b.SetParallelism(16) // 32 at a time on two cores
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if err := getEvent(context.Background(), c); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.ReportMetric(float64(dials.Load()), "dials")
}

// detailOf returns a detail of about n bytes.
func detailOf(n int) string {
	const frame = `{"id":"ID","created":1661971592,"type":"video.process_succeeded","data":{"video":{%s"id":"x"}},"response":{"status_code":200,"status":"200 OK","body":"webhook received\n","message":"ok"}}`
	var members strings.Builder
	for i := 0; len(frame)+members.Len() < n; i++ {
		fmt.Fprintf(&members, `"member_%d":{"width":1280,"title":"Sintel"},`, i)
	}
	return fmt.Sprintf(frame, members.String())
}
