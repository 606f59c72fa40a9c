package collector

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/expfmt"

	"omegastream_exporter/internal/simulator"
)

// The media types that Prometheus asks for.
const (
	acceptOpenMetrics = "application/openmetrics-text;version=1.0.0"
	acceptProtobuf    = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)

func accept(mediaType string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Accept", mediaType) }
}

// failing returns an exporter that shows failures of endpoint A, and the id of the latest
// failed event.
func failing(t *testing.T) (r *rig, id string) {
	a := newAccount(simulator.Options{}, endpointA)
	r = start(t, a, setup{})
	r.scrape()
	time.Sleep(time.Minute)
	a.Emit(endpointA, failedType, simulator.Responded(500))
	time.Sleep(time.Minute)
	id = a.Emit(endpointA, failedType, simulator.Responded(500))
	r.scrape()
	return r, id
}

// TestOpenMetrics checks the format line by line, and the exemplar.
func TestOpenMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, id := failing(t)
		w := r.answer(accept(acceptOpenMetrics))
		if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, "application/openmetrics-text") {
			t.Errorf("content type %q", got)
		}
		text := w.Body.String()
		if !strings.HasSuffix(text, "\n# EOF\n") {
			t.Errorf("ends in %q", text[max(0, len(text)-40):])
		}
		line := regexp.MustCompile(`^(# (TYPE|HELP|UNIT) \S+ .+|# EOF|[a-zA-Z_:]+(\{([a-z_]+="([^"\\\n]|\\[\\"n])*",?)*\})? (NaN|[-+0-9.eInf]+)( # \{[a-z_]+="[^"]*"\} \S+ \S+)?)$`)
		for l := range strings.Lines(text) {
			if !line.MatchString(strings.TrimSuffix(l, "\n")) {
				t.Errorf("not an OpenMetrics line: %s", l)
			}
		}
		want := failuresOf(endpointA, failedType, "500") + ` 2.0 # {event_id="` + id + `"} 1.0 9.4668492e+08`
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no line %s in\n%s", want, text)
		}
		if regexp.MustCompile(`(?m)^\w+_created[ {]`).MatchString(text) {
			t.Error("created timestamps are exposed as series")
		}
	})
}

// decoded returns all families of a delimited protobuf stream, in the decoder's type.
func decoded[T any](t *testing.T, decode func(*T) error) []*T {
	t.Helper()
	var all []*T
	for {
		f := new(T)
		err := decode(f)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
}

// TestProtobuf checks what only this format has: the created timestamps of the ledger's
// counters and histograms, and native histograms. No sample has a timestamp.
func TestProtobuf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		contact := time.Now()
		r, _ := failing(t)
		w := r.answer(accept(acceptProtobuf))
		families := decoded(t, expfmt.NewDecoder(w.Body, expfmt.ResponseFormat(w.Header())).Decode)
		births := map[string]time.Duration{}
		native := false
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if m.TimestampMs != nil {
					t.Errorf("%s has a timestamp", f.GetName())
				}
				native = native || f.GetName() == "omegastream_api_request_duration_seconds" && m.GetHistogram().Schema != nil
				born := m.GetCounter().GetCreatedTimestamp()
				if m.GetHistogram() != nil {
					born = m.GetHistogram().GetCreatedTimestamp()
				}
				if !strings.HasPrefix(f.GetName(), "webhook_") || born == nil {
					continue
				}
				name := f.GetName()
				for _, l := range m.GetLabel() {
					if l.GetName() == labelCode {
						name += " " + l.GetValue()
					}
				}
				births[name] = born.AsTime().Sub(contact)
			}
		}
		for name, want := range map[string]time.Duration{
			"webhook_events_total":                 0,
			"webhook_deliveries_total 200":         0,
			"webhook_deliveries_total 500":         2 * time.Minute,
			"webhook_delivery_failures_total none": 0,
			"webhook_delivery_failures_total 500":  2 * time.Minute,
			"webhook_delivery_no_response_total":   0,
			"webhook_delivery_recoveries_total":    0,
			"webhook_delivery_latency_seconds":     0,
		} {
			if got, ok := births[name]; !ok || got != want {
				t.Errorf("%s was created %v after contact (%v), want %v", name, got, ok, want)
			}
		}
		if !native {
			t.Error("no native histogram")
		}
	})
}

// TestText checks that the text format parses, has no timestamps, and is compressed on
// request.
func TestText(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, _ := failing(t)
		for _, tt := range []struct {
			encoding string
			read     func(io.Reader) (io.Reader, error)
		}{
			{"", func(body io.Reader) (io.Reader, error) { return body, nil }},
			{"gzip", func(body io.Reader) (io.Reader, error) { return gzip.NewReader(body) }},
		} {
			w := r.answer(func(r *http.Request) { r.Header.Set("Accept-Encoding", tt.encoding+", zstd;q=0.9") })
			if got := w.Header().Get("Content-Encoding"); got != tt.encoding {
				t.Errorf("encoding %q, want %q", got, tt.encoding)
			}
			checkText(t, w, tt.read)
		}
	})
}

func checkText(t *testing.T, w *httptest.ResponseRecorder, read func(io.Reader) (io.Reader, error)) {
	t.Helper()
	body, err := read(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	families := decoded(t, expfmt.NewDecoder(body, expfmt.ResponseFormat(w.Header())).Decode)
	if len(families) < 40 {
		t.Errorf("only %d families", len(families))
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if m.TimestampMs != nil {
				t.Errorf("%s has a timestamp", f.GetName())
			}
		}
	}
}
