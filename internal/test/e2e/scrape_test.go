package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// What scrapers ask for.
const (
	acceptOpenMetrics = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.1"
	acceptText        = "text/plain;version=0.0.4"
	acceptProtobuf    = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)

// scrape is one complete answer to a scraper.
type scrape struct {
	began, ended time.Time
	values       map[string]float64   // by series, in the format of key
	created      map[string]time.Time // by series, of counters and histograms; not in OpenMetrics
	exemplars    map[string]string    // by series, the exemplar's label
}

// key formats a series as name{label="value",...}, with its labels in order.
func key(name string, labels ...string) string {
	var pairs []string
	for i := 0; i < len(labels); i += 2 {
		pairs = append(pairs, labels[i]+"="+strconv.Quote(labels[i+1]))
	}
	slices.Sort(pairs)
	return name + "{" + strings.Join(pairs, ",") + "}"
}

// get returns the value of a series, and whether it exists.
func (s *scrape) get(name string, labels ...string) (float64, bool) {
	v, ok := s.values[key(name, labels...)]
	return v, ok
}

// named returns the series with a name, in order.
func (s *scrape) named(name string) []string {
	var found []string
	for k := range s.values {
		if strings.HasPrefix(k, name+"{") {
			found = append(found, k)
		}
	}
	slices.Sort(found)
	return found
}

// sum adds up the series with a name that have all the given labels.
func (s *scrape) sum(name string, labels ...string) float64 {
	total := 0.0
	for _, k := range s.named(name) {
		has := true
		for i := 0; i < len(labels); i += 2 {
			has = has && strings.Contains(k, labels[i]+"="+strconv.Quote(labels[i+1]))
		}
		if has {
			total += s.values[k]
		}
	}
	return total
}

// fetch requests a page. header is a list of keys and values.
func (p *program) fetch(ctx context.Context, method, path string, header ...string) (status int, body []byte, err error) {
	base := p.url()
	if base == "" {
		return 0, nil, fmt.Errorf("the program does not serve")
	}
	req, err := http.NewRequestWithContext(ctx, method, base+path, nil)
	if err != nil {
		return 0, nil, err
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// scrape scrapes like a Prometheus with this timeout that accepts created timestamps.
func (p *program) scrape(timeout time.Duration) (*scrape, error) {
	return p.ask(timeout, acceptProtobuf, (*scrape).parseProtobuf)
}

// scrapeText is scrape in OpenMetrics, which Prometheus prefers by default.
func (p *program) scrapeText(timeout time.Duration) (*scrape, error) {
	return p.ask(timeout, acceptOpenMetrics, (*scrape).parseOpenMetrics)
}

func (p *program) ask(timeout time.Duration, accept string, parse func(*scrape, []byte) error) (*scrape, error) {
	s := &scrape{
		began:  time.Now(),
		values: make(map[string]float64), created: make(map[string]time.Time), exemplars: make(map[string]string),
	}
	status, body, err := p.fetch(context.Background(), http.MethodGet, "/metrics", "Accept", accept,
		"X-Prometheus-Scrape-Timeout-Seconds", strconv.FormatFloat(timeout.Seconds(), 'f', -1, 64))
	s.ended = time.Now()
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, &statusError{status, string(body)}
	}
	if err := parse(s, body); err != nil {
		return nil, &statusError{status, err.Error()}
	}
	return s, nil
}

// statusError is a complete answer to a scrape with another status than 200.
type statusError struct {
	status int
	body   string
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d: %.300s", e.status, e.body) }

// mustScrape is scrape, but ends the test on an error.
func (p *program) mustScrape(timeout time.Duration) *scrape {
	p.t.Helper()
	s, err := p.scrape(timeout)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// parseProtobuf reads delimited protobuf.
func (s *scrape) parseProtobuf(body []byte) error {
	decoder := expfmt.NewDecoder(bytes.NewReader(body), expfmt.NewFormat(expfmt.TypeProtoDelim))
	for {
		family := newOf(decoder.Decode)
		if err := decoder.Decode(family); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		for _, m := range family.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, l.GetName(), l.GetValue())
			}
			add := func(suffix string, v float64, more ...string) string {
				k := key(family.GetName()+suffix, append(slices.Clone(labels), more...)...)
				s.values[k] = v
				return k
			}
			switch {
			case m.Counter != nil:
				k := add("", m.Counter.GetValue())
				s.created[k] = m.Counter.GetCreatedTimestamp().AsTime()
				if e := m.Counter.Exemplar; e != nil {
					s.exemplars[k] = fmt.Sprintf("%s=%q", e.Label[0].GetName(), e.Label[0].GetValue())
				}
			case m.Gauge != nil:
				add("", m.Gauge.GetValue())
			case m.Histogram != nil:
				at := m.Histogram.GetCreatedTimestamp().AsTime()
				s.created[add("_count", float64(m.Histogram.GetSampleCount()))] = at
				s.created[add("_sum", m.Histogram.GetSampleSum())] = at
				for _, b := range m.Histogram.Bucket {
					le := strconv.FormatFloat(b.GetUpperBound(), 'g', -1, 64)
					s.created[add("_bucket", float64(b.GetCumulativeCount()), "le", le)] = at
				}
			}
		}
	}
}

// newOf returns a new value for a function to fill, so that its type needs no name.
func newOf[T any](func(*T) error) *T { return new(T) }

var exemplar = regexp.MustCompile(`^(.*) (\S+) # \{(.*)\} \S+ \S+$`)

// parseOpenMetrics reads OpenMetrics with the parser for the older text format. It removes
// exemplars, which that one does not know, and the types, so that every series keeps its
// name.
func (s *scrape) parseOpenMetrics(body []byte) error {
	text := string(body)
	if !strings.HasSuffix(text, "\n# EOF\n") {
		return fmt.Errorf("no end: ...%q", tail(text, 100))
	}
	var plain strings.Builder
	for line := range strings.Lines(text) {
		if line[0] == '#' {
			continue
		}
		found := exemplar.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if found == nil {
			plain.WriteString(line)
			continue
		}
		plain.WriteString(found[1] + " " + found[2] + "\n")
		s.exemplars[found[1]] = found[3]
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(plain.String()))
	if err != nil {
		return err
	}
	for name, family := range families {
		for _, m := range family.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, l.GetName(), l.GetValue())
			}
			k := key(name, labels...)
			if _, twice := s.values[k]; twice {
				return fmt.Errorf("%s is there twice", k)
			}
			s.values[k] = m.GetUntyped().GetValue()
		}
	}
	return nil
}

// durable reports whether a series comes from the state: a counter, or part of a histogram.
func durable(series string) bool {
	name, _, _ := strings.Cut(series, "{")
	switch name {
	case "omegastream_exporter_list_gaps_total", "omegastream_exporter_folded_event_types_total", "omegastream_exporter_state_resets_total":
		return true
	}
	return strings.HasPrefix(name, "webhook_") && slices.ContainsFunc([]string{"_total", "_count", "_sum", "_bucket"},
		func(end string) bool { return strings.HasSuffix(name, end) })
}

// counters returns the values that come from the state.
func (s *scrape) counters() map[string]float64 {
	found := maps.Clone(s.values)
	maps.DeleteFunc(found, func(k string, _ float64) bool { return !durable(k) })
	return found
}

// recorder records what a scraper has seen of one state, over restarts.
type recorder struct {
	t       *testing.T
	hold    time.Duration // --collector.hold-new-series
	skew    time.Duration // of the clock behind created timestamps
	series  map[string]*shown
	scrapes int
}

// shown is what was shown of a series.
type shown struct {
	value   float64
	created time.Time
	at      time.Time // start of the first scrape that showed it
}

func newRecorder(t *testing.T, hold time.Duration) *recorder {
	return &recorder{t: t, hold: hold, series: make(map[string]*shown)}
}

// note records a complete scrape. Every counter starts at 0 and stays there for the hold. It
// never disappears, goes back, or changes its created timestamp.
func (r *recorder) note(s *scrape) {
	r.t.Helper()
	r.scrapes++
	now := s.counters()
	for k, v := range now {
		created := s.created[k]
		before, known := r.series[k]
		switch {
		case !known:
			if v != 0 && r.hold > 0 {
				r.t.Errorf("scrape %d: %s starts at %v", r.scrapes, k, v)
			}
			if len(s.created) > 0 && created.Unix() <= 0 || created.After(s.ended.Add(r.skew)) {
				r.t.Errorf("scrape %d: %s was created at %v", r.scrapes, k, created)
			}
			r.series[k] = &shown{value: v, created: created, at: s.began}
			continue
		case v < before.value:
			r.t.Errorf("scrape %d: %s is shown as %v after %v", r.scrapes, k, v, before.value)
		case before.value == 0 && v > 0 && s.ended.Sub(before.at) < r.hold:
			r.t.Errorf("scrape %d: %s is %v only %v after it was first shown", r.scrapes, k, v, s.ended.Sub(before.at))
		}
		if !created.Equal(before.created) {
			r.t.Errorf("scrape %d: %s was created at %v, now at %v", r.scrapes, k, before.created, created)
		}
		before.value = v
	}
	for k := range r.series {
		if _, ok := now[k]; !ok {
			r.t.Errorf("scrape %d: %s is no longer shown", r.scrapes, k)
			delete(r.series, k)
		}
	}
}
