package collector

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/logs"
)

func TestScrapeTimeout(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		header string
		offset time.Duration
		want   time.Duration
	}{
		{"", 500 * time.Millisecond, 9500 * time.Millisecond},
		{"10", 500 * time.Millisecond, 9500 * time.Millisecond},
		{"10.000000", 0, 10 * time.Second},
		{"0.5", 500 * time.Millisecond, 250 * time.Millisecond}, // at least half
		{"4", 3 * time.Second, 2 * time.Second},
		{"120", 0, 2 * time.Minute},
		{"121", 0, 2 * time.Minute},
		{"3600", time.Second, 119 * time.Second},
		{"1e300", 0, 2 * time.Minute},
		{"+Inf", 0, 9500 * time.Millisecond},
		{"NaN", 0, 9500 * time.Millisecond},
		{"-Inf", 0, 9500 * time.Millisecond},
		{"-1", 0, 9500 * time.Millisecond},
		{"0", 0, 9500 * time.Millisecond},
		{"10s", 0, 9500 * time.Millisecond},
		{"soon", 0, 9500 * time.Millisecond},
	} {
		h := http.Header{timeoutHeader: {tt.header}}
		if got, _ := scrapeTimeout(h, Options{Timeout: 9500 * time.Millisecond, TimeoutOffset: tt.offset}, 0); got != tt.want {
			t.Errorf("%q less %v: %v, want %v", tt.header, tt.offset, got, tt.want)
		}
	}
}

// A scrape leaves time for its exposition, but waits for at least half of its timeout.
func TestScrapeTimeoutSparesTheExposition(t *testing.T) {
	t.Parallel()
	o := Options{Timeout: 9500 * time.Millisecond, TimeoutOffset: 500 * time.Millisecond}
	for _, tt := range []struct {
		header                  string
		exposition, wait, spare time.Duration
	}{
		{"10", 2 * time.Second, 7500 * time.Millisecond, 500 * time.Millisecond},
		{"10", 20 * time.Second, 5 * time.Second, 0},
		{"1", 200 * time.Millisecond, 500 * time.Millisecond, 300 * time.Millisecond},
		{"", 2 * time.Second, 7500 * time.Millisecond, 500 * time.Millisecond},
	} {
		wait, spare := scrapeTimeout(http.Header{timeoutHeader: {tt.header}}, o, tt.exposition)
		if wait != tt.wait || spare != tt.spare {
			t.Errorf("%q after an exposition of %v: waits %v and leaves %v, want %v and %v", tt.header, tt.exposition, wait, spare, tt.wait, tt.spare)
		}
	}
}

// slowWriter is a client that is slow to accept the first byte of an answer.
type slowWriter struct {
	*httptest.ResponseRecorder
	delay time.Duration
	began bool
}

func (w *slowWriter) Write(b []byte) (int, error) {
	if !w.began {
		w.began = true
		time.Sleep(w.delay)
	}
	return w.ResponseRecorder.Write(b)
}

// TestExpositionIsSpared checks that a scrape that waits for its sync until the deadline
// still answers in time, even if its exposition takes twice as long as the one before.
func TestExpositionIsSpared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA)
		r := start(t, a, setup{scrape: Options{TimeoutOffset: 500 * time.Millisecond}})
		for i := range 2 {
			request := httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody)
			request.Header.Set(timeoutHeader, "5")
			began := time.Now()
			r.handler.ServeHTTP(&slowWriter{ResponseRecorder: httptest.NewRecorder(), delay: time.Duration(1+i) * time.Second}, request)
			want := []time.Duration{time.Second, 4500 * time.Millisecond}[i]
			if took := time.Since(began); took != want {
				t.Errorf("answer %d took %v, want %v", i, took, want)
			}
			a.AddFault(simulator.Fault{Do: simulator.Hang()})
		}
	})
}

// TestBrokenOffScrapes checks that scrapes that clients cancel are logged at most once a
// minute.
func TestBrokenOffScrapes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, newAccount(simulator.Options{}, endpointA), setup{})
		for range 9 {
			ctx, cancel := context.WithCancel(t.Context())
			r.syncer.Wait(ctx)
			cancel()
			r.handler.ServeHTTP(brokenWriter{httptest.NewRecorder()}, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody))
			time.Sleep(10 * time.Second)
		}
		if r.log.Count("level=WARN") != 2 || r.log.Count("A client cancelled its scrape", "unwritten=5") != 1 {
			t.Errorf("log:\n%s", r.log)
		}
	})
}

// TestAcceptEncoding checks which answers are compressed. Every client gets an answer that it
// can read, without a warning in the log.
func TestAcceptEncoding(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, newAccount(simulator.Options{}, endpointA), setup{})
		for header, want := range map[string]string{
			"": "", "gzip": "gzip", "gzip;q=0": "", "gzip; q=0, *": "", "*": "gzip", "*;q=0": "", "identity;q=0": "",
			"identity;q=0, *;q=0": "", "br": "", "zstd, gzip;q=0.1": "gzip", "GZIP;q=1.0": "gzip", "gzip;Q=0": "", "gzip;q=x": "",
			"deflate;q=0,gzip;q=0,identity;q=0": "",
		} {
			w := r.answer(func(q *http.Request) { q.Header.Set("Accept-Encoding", header) })
			if got := w.Header().Get("Content-Encoding"); got != want || w.Code != http.StatusOK {
				t.Errorf("%q: status %d, encoding %q, want %q", header, w.Code, got, want)
			}
		}
		if n := r.log.Count("level=WARN"); n != 0 {
			t.Errorf("log:\n%s", r.log)
		}
	})
}

// TestDefaultTimeout checks a scrape without a timeout header.
func TestDefaultTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA)
		a.AddFault(simulator.Fault{Do: simulator.Hang()})
		r := start(t, a, setup{})
		began := time.Now()
		r.scrape().want(t, map[string]string{"omegastream_up": "0", of("webhook_events_listed", endpointA): ""})
		if took := time.Since(began); took != 9500*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

// TestClientGone checks that the handler returns when its client disconnects, and that this
// does not count as an exceeded deadline.
func TestClientGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA)
		heal := a.AddFault(simulator.Fault{Do: simulator.Hang()})
		r := start(t, a, setup{})
		ctx, cancel := contextFor(t, time.Second)
		defer cancel()
		began := time.Now()
		r.handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", http.NoBody))
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %v", took)
		}
		heal()
		r.scrape().want(t, map[string]string{"omegastream_exporter_scrape_deadline_exceeded_total": "0"})
	})
}

// TestManySeries checks that the exporter warns once about very many series.
func TestManySeries(t *testing.T) {
	t.Parallel()
	log := new(logs.Buffer)
	e := &Exporter{log: newTextLogger(log)}
	for _, n := range []int{10, 50_000, 50_001, 60_000, 100, 70_000} {
		e.countSeries(n)
	}
	if got := log.Count("level=WARN"); got != 2 || log.Count("series=50001") != 1 || log.Count("series=70000") != 1 {
		t.Errorf("log:\n%s", log)
	}
}

// TestSeriesAreCounted checks that the warning counts all series of a scrape.
func TestSeriesAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA)
		for i := range 600 {
			a.AddEndpoint(simulator.Endpoint{Events: append([]string{"t"}, simulator.EventTypes...), Active: i%2 == 0})
		}
		r := start(t, a, setup{})
		text := r.answer().Body.String()
		if n := strings.Count(text, "\n"); n < manySeries {
			t.Fatalf("only %d lines", n)
		}
		if r.log.Count("level=WARN", "very many series") != 1 {
			t.Errorf("log:\n%s", r.log)
		}
	})
}

// TestPartsOfAnAnswer checks the query parameters of the telemetry path.
func TestPartsOfAnAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, newAccount(simulator.Options{}, endpointA), setup{})
		got := r.scrape(func(q *http.Request) { q.URL.RawQuery = "name%5B%5D=omegastream_up" })
		if len(got) != 1 {
			t.Errorf("%v", got)
		}
		got = r.scrape()
		got.want(t, map[string]string{
			`promhttp_metric_handler_errors_total{cause="gathering"}`: "0",
			`promhttp_metric_handler_requests_total{code="200"}`:      "1",
		})
	})
}

// No family is in both registries, which the exporter merges without a check: its own, and
// that of the account.
func TestNoFamilyTwice(t *testing.T) {
	t.Parallel()
	a := newAccount(simulator.Options{}, endpointA)
	r := start(t, a, setup{})
	r.scrape()
	seen := make(map[string]bool)
	last := ""
	for line := range strings.Lines(r.answer().Body.String()) {
		name, ok := strings.CutPrefix(line, "# TYPE ")
		if !ok {
			continue
		}
		name, _, _ = strings.Cut(name, " ")
		if seen[name] || name <= last {
			t.Errorf("%s is exposed twice, or after %s", name, last)
		}
		seen[name], last = true, name
	}
	if !seen["webhook_endpoint_info"] || !seen["promhttp_metric_handler_requests_total"] || !seen["go_goroutines"] {
		t.Errorf("%d families, but not those of both registries", len(seen))
	}
}
