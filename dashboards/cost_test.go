package dashboards_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
)

var (
	costAt       = flag.String("cost", "", "measure the cost of rules and dashboards with these numbers of endpoints, such as 10,100,1000 (make cost)")
	costInterval = flag.Duration("cost-interval", 15*time.Second, "scrape and evaluation interval of the measurement")
)

const (
	costDays = 30
	// costRounds is the number of measurements. The fastest counts, as other processes use
	// the machine too.
	costRounds = 3
)

// maxSamples limits how many samples one load of a dashboard reads. Unlike times, samples do
// not depend on the machine.
var maxSamples = map[string]struct{ once, eachEndpoint int }{
	"omegastream-deliveries": {100_000, 10_000},
	"omegastream-exporter":   {1_000_000, 500},
}

// TestCost measures one evaluation of the rules, and one load of each dashboard over 24 hours
// with 30 days of data: all queries, six at a time, as a browser sends them.
//
//nolint:paralleltest // it measures
func TestCost(t *testing.T) {
	needs.Minutes(t)
	numbers := *costAt
	if numbers == "" {
		numbers = "3"
	}
	for _, text := range strings.Split(numbers, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("-cost: %v", err)
		}
		t.Run(text, func(t *testing.T) {
			raw := exposed(t, n)
			recorded := recordedOf(t, n, raw)
			costOfRecords(t, n, raw, recorded)
			costOfDashboards(t, n, slices.Concat(raw, recorded))
		})
	}
}

// exposed returns the series of an account with n endpoints: each has a delivery, every tenth
// a failure.
func exposed(t *testing.T, n int) (all []pushed) {
	t.Helper()
	a := simulator.New(simulator.Options{})
	for range n {
		a.AddEndpoint(simulator.Endpoint{})
	}
	api, stop, err := simulator.Serve(a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	e := startExporter(t, api)
	defer e.kill()
	shows := func(what string) (body string) {
		t.Helper()
		eventually(t, 5*time.Minute, what, func() error {
			text, err := get("http://" + e.address + "/metrics")
			if body = string(text); err == nil && !strings.Contains(body, what) {
				err = fmt.Errorf("it shows %.3000s", regexp.MustCompile(`(?m)^omegastream_up.*`).FindString(body))
			}
			return err
		})
		return body
	}
	shows("\nomegastream_up 1\n")
	for i, id := range a.EndpointIDs() {
		a.Emit(id, eventType, simulator.Responded(http.StatusOK))
		if i%10 == 0 {
			a.Emit(id, eventType, simulator.Responded(http.StatusServiceUnavailable))
		}
	}
	last := a.EndpointIDs()[n-1]
	body := shows(fmt.Sprintf("webhook_deliveries_total{endpoint_id=%q,event_type=%q,status_code=\"200\"} 1\n", last, eventType))
	line := regexp.MustCompile(`(?m)^([a-z_]+)(?:\{(.*)\})? (\S+)$`)
	label := regexp.MustCompile(`([a-z_]+)="((?:[^"\\]|\\.)*)"`)
	for _, found := range line.FindAllStringSubmatch(body, -1) {
		s := pushed{labels: map[string]string{"__name__": found[1], "job": "omegastream", "instance": e.address}}
		for _, pair := range label.FindAllStringSubmatch(found[2], -1) {
			s.labels[pair[1]] = pair[2]
		}
		if s.value, err = strconv.ParseFloat(found[3], 64); err != nil {
			t.Fatal(err)
		}
		counts := regexp.MustCompile(`_(total|bucket|count|sum)$`).MatchString(found[1])
		s.grows = counts && s.value > 0
		all = append(all, s)
	}
	t.Logf("%d endpoints: %d series", n, len(all))
	return all
}

// lookBack lists the offsets at which rules read old samples: they combine the windows of
// days from shorter ones, and compare silence with the week before.
var lookBack = []time.Duration{
	7 * 24 * time.Hour, 6 * 24 * time.Hour, 5 * 24 * time.Hour, 4 * 24 * time.Hour, 3 * 24 * time.Hour, 2 * 24 * time.Hour, 24 * time.Hour,
	18 * time.Hour, 12 * time.Hour, 6 * time.Hour, 4 * time.Hour, 2 * time.Hour,
}

// recordedOf returns the series that the rules record from the raw ones.
func recordedOf(t *testing.T, n int, raw []pushed) (recorded []pushed) {
	t.Helper()
	prom := startPrometheus(t, serverOptions{interval: *costInterval, receives: true})
	defer prom.kill()
	prom.push(t, raw, time.Now().Add(-10*time.Minute), time.Now().Add(9*time.Minute), *costInterval)
	evaluated(t, prom, 2)
	found, err := prom.query(`{__name__=~".+:.+"}`)
	if err != nil || len(found) < n*20 {
		t.Fatalf("the rules record %d series: %v", len(found), err)
	}
	for _, s := range found {
		value, err := strconv.ParseFloat(s.Value[1].(string), 64)
		if err != nil {
			t.Fatal(err)
		}
		one := pushed{labels: s.Metric, value: value}
		for suffix, every := range map[string]time.Duration{":bar5m": 5 * time.Minute, ":seen": 5 * time.Minute, ":hour": time.Hour} {
			if strings.HasSuffix(s.Metric["__name__"], suffix) {
				one.every = every
			}
		}
		recorded = append(recorded, one)
	}
	t.Logf("%d endpoints: the rules record %d series", n, len(recorded))
	return recorded
}

// costOfRecords measures an evaluation of rules that have a week of data.
func costOfRecords(t *testing.T, n int, raw, recorded []pushed) {
	t.Helper()
	o := serverOptions{interval: *costInterval, receives: true, withoutRules: true, data: t.TempDir(), blocks: 10 * 24 * time.Hour}
	prom := startPrometheus(t, o)
	began := time.Now()
	seen, recorded := byName(recorded, ":seen")
	// Rules that look back by an offset need data for longer than the measurement takes.
	for _, ago := range lookBack {
		prom.push(t, recorded, began.Add(-ago-3*time.Minute), began.Add(20*time.Minute-ago), time.Minute)
	}
	// Rules that look back over a whole range.
	prom.push(t, seen, began.Add(-24*time.Hour), began, 5*time.Minute)
	prom.push(t, recorded, began.Add(-70*time.Minute), began.Add(-35*time.Minute), *costInterval)
	prom.push(t, slices.Concat(recorded, raw), began.Add(-35*time.Minute), began, *costInterval)
	end := time.Now().Add(min(9*time.Minute, 5*time.Minute+time.Duration(n)*500*time.Millisecond))
	prom.push(t, raw, began, end, *costInterval)
	prom.kill()
	t.Logf("%d endpoints: the data of the rules took %v", n, time.Since(began).Round(time.Second))
	o.withoutRules = false
	prom = startPrometheus(t, o)
	defer prom.kill()
	rounds := 2
	if *costAt != "" {
		rounds = 8 // each takes milliseconds, and other processes use the machine too
	}
	fastest, groups := evaluated(t, prom, rounds)
	sums := map[string]float64{}
	for name, took := range fastest {
		sums[groups[name]] += took
	}
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		t.Logf("%d endpoints: one evaluation of %s takes %.3f s", n, name, sums[name])
	}
	names := slices.SortedFunc(maps.Keys(fastest), func(a, b string) int { return cmp.Compare(fastest[b], fastest[a]) })
	for _, name := range names[:8] {
		t.Logf("  %.3f s: %s", fastest[name], name)
	}
}

// evaluated waits until each rule was evaluated several times, and returns the fastest
// evaluation of each, and the groups of the rules.
func evaluated(t *testing.T, prom *prometheus, times int) (fastest map[string]float64, groups map[string]string) {
	t.Helper()
	type timed struct {
		Name           string
		LastEvaluation time.Time
		EvaluationTime float64
	}
	fastest, groups = map[string]float64{}, map[string]string{}
	var (
		rounds = map[string]map[time.Time]bool{} // the observed evaluations of each rule
		after  = time.Now()
	)
	eventually(t, 5*time.Minute, "each rule is evaluated several times", func() error {
		var data struct {
			Groups []struct {
				Name  string
				Rules []timed
			}
		}
		if err := prom.api("/api/v1/rules", nil, &data); err != nil {
			return err
		}
		var err error
		for _, g := range data.Groups {
			for _, r := range g.Rules {
				if rounds[r.Name] == nil {
					rounds[r.Name] = map[time.Time]bool{}
				}
				if r.LastEvaluation.After(after) && !rounds[r.Name][r.LastEvaluation] {
					rounds[r.Name][r.LastEvaluation] = true
					if least, seen := fastest[r.Name]; !seen || r.EvaluationTime < least {
						fastest[r.Name] = r.EvaluationTime
					}
					groups[r.Name] = g.Name
				}
				if len(rounds[r.Name]) < times {
					err = fmt.Errorf("%s: %d times", r.Name, len(rounds[r.Name]))
				}
			}
		}
		return err
	})
	return fastest, groups
}

// byName separates the series whose names end with a suffix.
func byName(all []pushed, end string) (some, rest []pushed) {
	for _, s := range all {
		if strings.HasSuffix(s.labels["__name__"], end) {
			some = append(some, s)
		} else {
			rest = append(rest, s)
		}
	}
	return some, rest
}

// ofSome matches what a panel reads only while some endpoints are selected.
var ofSome = regexp.MustCompile(`[a-z0-9_:]+\{[^}]*endpoint_id!~"\$endpoint\.\+"\}`)

// costOfDashboards measures several loads of each dashboard.
func costOfDashboards(t *testing.T, n int, all []pushed) {
	t.Helper()
	prom := startPrometheus(t, serverOptions{interval: *costInterval, receives: true, withoutRules: true, blocks: 3 * 24 * time.Hour})
	defer prom.kill()
	models, uses := dashboards(t)
	ranged := map[string]bool{}
	for _, u := range uses {
		for _, name := range regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`).FindAllString(ofSome.ReplaceAllString(u.raw, ""), -1) {
			// A query that only fetches exemplars reads no more than the end.
			ranged[name] = ranged[name] || !u.instant && !strings.HasSuffix(u.raw, "@ end() < 0")
		}
	}
	var month, day, now []pushed
	for _, s := range all {
		name := s.labels["__name__"]
		switch {
		case slices.ContainsFunc(uses, func(u use) bool { return strings.Contains(u.raw, name+"{") && strings.Contains(u.raw, "[30d]") }):
			month = append(month, s)
		case s.every > 0, ranged[name]:
			day = append(day, s)
		default:
			now = append(now, s)
		}
	}
	end := time.Now().Truncate(5 * time.Minute)
	began := time.Now()
	prom.push(t, month, end.AddDate(0, 0, -costDays), end.Add(-24*time.Hour), time.Hour)
	prom.push(t, append(month, day...), end.Add(-24*time.Hour), end, *costInterval)
	prom.push(t, now, end.Add(-10*time.Minute), end, *costInterval)
	t.Logf("%d endpoints: the data took %v", n, time.Since(began).Round(time.Second))
	for _, d := range models {
		var least load
		for range costRounds {
			if l := prom.load(t, d.UID, uses, end); least.took == 0 || l.took < least.took {
				least = l
			}
		}
		t.Logf("%d endpoints: %s loads in %v, %.2f s of a processor, reads %d samples",
			n, d.UID, least.took.Round(time.Millisecond), least.processor, least.samples)
		for _, q := range least.queries[:6] {
			t.Logf("  %v, %d samples: %s", q.took.Round(time.Millisecond), q.samples, q.where)
		}
		if limit := maxSamples[d.UID].once + n*maxSamples[d.UID].eachEndpoint; least.samples > limit {
			t.Errorf("%s reads %d samples, the limit is %d", d.UID, least.samples, limit)
		}
	}
}

// load is the cost of one load of a dashboard.
type load struct {
	took      time.Duration
	processor float64 // seconds of CPU time of Prometheus
	samples   int
	queries   []asked // slowest first
}

// asked is the cost of one query.
type asked struct {
	where   string
	took    time.Duration
	samples int
}

// load runs all queries of a dashboard, six at a time.
func (p *prometheus) load(t *testing.T, uid string, uses []use, end time.Time) (l load) {
	t.Helper()
	var (
		group sync.WaitGroup
		mu    sync.Mutex
	)
	free := make(chan struct{}, 6)
	before, began := p.processor(t), time.Now()
	for _, u := range uses {
		if u.uid != uid {
			continue
		}
		group.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			began := time.Now()
			read, err := p.samples(u, end)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("%s: %v", u.where, err)
			}
			l.samples += read
			l.queries = append(l.queries, asked{u.where, time.Since(began), read})
		})
	}
	group.Wait()
	l.took, l.processor = time.Since(began), p.processor(t)-before
	slices.SortFunc(l.queries, func(a, b asked) int { return cmp.Compare(b.took, a.took) })
	return l
}

// processor returns the CPU seconds that Prometheus has used.
func (p *prometheus) processor(t *testing.T) float64 {
	t.Helper()
	body, err := get(p.base + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^process_cpu_seconds_total (\S+)$`).FindSubmatch(body)
	if found == nil {
		t.Fatal("Prometheus has no process_cpu_seconds_total")
	}
	seconds, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return seconds
}

// samples runs a query over 24 hours, as its dashboard does, and returns how many samples
// Prometheus read.
func (p *prometheus) samples(u use, end time.Time) (int, error) {
	const span = 24 * time.Hour
	step := max(u.step, 2*time.Minute) // one step for each point of a panel
	args := url.Values{"query": {fill(u.raw, "omegastream", step, max(step, time.Minute), span)}, "stats": {"all"}}
	path := "/api/v1/query"
	if u.instant {
		args.Set("time", strconv.FormatInt(end.Unix(), 10))
	} else {
		path += "_range"
		args.Set("start", strconv.FormatInt(end.Add(-span).Unix(), 10))
		args.Set("end", strconv.FormatInt(end.Unix(), 10))
		args.Set("step", step.String())
	}
	var data struct {
		Stats struct {
			Samples struct{ SamplesRead int }
		}
		Result json.RawMessage
	}
	err := p.api(path, args, &data)
	return data.Stats.Samples.SamplesRead, err
}
