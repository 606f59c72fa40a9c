package syncer

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
)

// watched is an API that records when each list was requested. Some lists are slow after the
// header.
type watched struct {
	http.RoundTripper
	drips func(endpointID string) bool // a blank every ten seconds, endlessly
	takes time.Duration                // time from the header to the end of all other lists

	mu      sync.Mutex
	lists   map[string][]time.Time
	all     []time.Time
	details []time.Time
}

func (w *watched) RoundTrip(r *http.Request) (*http.Response, error) {
	path := strings.Split(strings.TrimPrefix(r.URL.Path, simulator.BasePath+"/client/webhooks/"), "/")
	w.mu.Lock()
	if w.lists == nil {
		w.lists = make(map[string][]time.Time)
	}
	switch {
	case len(path) > 1:
		w.details = append(w.details, time.Now())
	case path[0] == "all":
		w.all = append(w.all, time.Now())
	default:
		w.lists[path[0]] = append(w.lists[path[0]], time.Now())
	}
	w.mu.Unlock()
	isList := len(path) == 1 && path[0] != "all"
	if isList && w.drips != nil && w.drips(path[0]) {
		body, pipe := io.Pipe()
		go drip(r, pipe)
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body, Request: r}, nil
	}
	resp, err := w.RoundTripper.RoundTrip(r)
	if err == nil && isList && w.takes > 0 {
		resp.Body = &late{resp.Body, r, w.takes}
	}
	return resp, err
}

func drip(r *http.Request, w *io.PipeWriter) {
	for {
		if _, err := w.Write([]byte(" ")); err != nil {
			return
		}
		select {
		case <-time.After(3 * time.Second):
		case <-r.Context().Done():
			_ = w.CloseWithError(r.Context().Err())
			return
		}
	}
}

// late is a body that arrives some time after its header.
type late struct {
	io.ReadCloser
	request *http.Request
	after   time.Duration
}

func (l *late) Read(p []byte) (int, error) {
	select {
	case <-time.After(l.after):
		l.after = 0
	case <-l.request.Context().Done():
		return 0, l.request.Context().Err()
	}
	return l.ReadCloser.Read(p)
}

// longestGap returns the longest time between two reads of an endpoint's list, or from the
// beginning to the first one.
func (w *watched) longestGap(began time.Time, ids []string) (longest time.Duration, of string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		last := began
		for _, at := range append(w.lists[id], time.Now()) {
			if gap := at.Sub(last); gap > longest {
				longest, of = gap, id
			}
			last = at
		}
	}
	return longest, of
}

// TestEveryEndpointInTurn checks that every endpoint is read equally often if there are more
// than one sync can read, for various reasons.
func TestEveryEndpointInTurn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		endpoints int
		dripping  int // of the endpoints
		takes     time.Duration
		events    int // new ones each minute
		scrapes   time.Duration
		options   Options
		lasts     time.Duration
		gap       time.Duration // the longest accepted
	}{
		{
			name: "100 at 1/s", endpoints: 100, scrapes: 15 * time.Second,
			options: Options{RateLimit: 1}, lasts: 15 * time.Minute, gap: 120 * time.Second,
		},
		{
			name: "100 at 1/s, with details", endpoints: 100, events: 60, scrapes: 15 * time.Second,
			options: Options{RateLimit: 1}, lasts: 15 * time.Minute, gap: 240 * time.Second,
		},
		{
			name: "2000 at 20/s", endpoints: 2000, scrapes: 30 * time.Second,
			options: Options{RateLimit: 20}, lasts: 8 * time.Minute, gap: 120 * time.Second,
		},
		{
			name: "lists of 2 s, two at a time", endpoints: 100, takes: 2 * time.Second, scrapes: 15 * time.Second,
			options: Options{RateLimit: 20, Concurrency: 2}, lasts: 15 * time.Minute, gap: 120 * time.Second,
		},
		{
			name: "5 at 0.05/s", endpoints: 5, scrapes: 15 * time.Second,
			options: Options{RateLimit: 0.05}, lasts: 30 * time.Minute, gap: 120 * time.Second,
		},
		{
			name: "5 at 0.05/s, with details", endpoints: 5, events: 10, scrapes: 15 * time.Second,
			options: Options{RateLimit: 0.05}, lasts: 30 * time.Minute, gap: 240 * time.Second,
		},
		{
			name: "dripping lists", endpoints: 60, dripping: 20, events: 6, scrapes: 15 * time.Second,
			options: Options{RateLimit: 20, Concurrency: 4}, lasts: 15 * time.Minute, gap: 3 * time.Minute,
		},
		{
			name: "as many dripping lists as slots", endpoints: 21, dripping: 20, events: 6, scrapes: 15 * time.Second,
			options: Options{RateLimit: 20, Concurrency: 20}, lasts: 15 * time.Minute, gap: time.Minute,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.endpoints > 1000 {
				needs.Minutes(t)
			}
			synctest.Test(t, func(t *testing.T) {
				var ids []string
				for i := range tt.endpoints {
					ids = append(ids, fmt.Sprintf("%024x", i))
				}
				a := newAccount(ids...)
				api := &watched{RoundTripper: simulator.Transport(a), takes: tt.takes, drips: func(id string) bool {
					return id < fmt.Sprintf("%024x", tt.dripping)
				}}
				tt.options.MinInterval = 9 * time.Second
				r := start(t, a, setup{options: tt.options, client: client.Options{Transport: api}})
				began := time.Now()
				r.Start()
				emitted := 0
				for next := began; time.Since(began) < tt.lasts; next = next.Add(tt.scrapes) {
					time.Sleep(time.Until(next))
					for ; emitted < tt.events*int(time.Since(began)/time.Minute); emitted++ {
						a.Emit(ids[len(ids)-1-emitted%(tt.endpoints-tt.dripping)], failedType, simulator.Responded(500))
					}
					r.waitFor(9500 * time.Millisecond)
				}
				if longest, id := api.longestGap(began, ids); longest > tt.gap {
					t.Errorf("%v without a read of %s, want at most %v", longest, id, tt.gap)
				}
				if up := r.Up(); up != (tt.dripping == 0) {
					t.Errorf("up is %v", up)
				}
				calls := a.Calls().Total() // without the dripping ones
				if n := len(api.details); tt.events > 0 && n == 0 {
					t.Errorf("no detail among %d calls", calls)
				}
				if tt.options.RateLimit < 20 && tt.events > 0 {
					if share := float64(len(api.details)) / float64(calls); share < .4 {
						t.Errorf("details have %.2f of the calls", share)
					}
				}
				turn := time.Duration(float64(tt.endpoints) / tt.options.RateLimit * float64(time.Second))
				if n := r.log.Count("A sync ended before it had read every list", "left="); turn > longestSync && n != 1 {
					t.Errorf("%d lines say how many lists were left, want one", n)
				}
				if n := r.log.Count("level=WARN"); n > int(tt.lasts/time.Minute)*tt.dripping {
					t.Errorf("log:\n%s", r.log)
				}
			})
		})
	}
}
