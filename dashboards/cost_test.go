package dashboards_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
)

var (
	costAt       = flag.String("cost", "", "measure what rules and dashboards cost at these numbers of endpoints, as in 10,100,1000 (make cost)")
	costInterval = flag.Duration("cost-interval", 15*time.Second, "scrape and evaluation interval of that measurement")
)

const (
	// maxSamples bounds what one load of a dashboard may read of each endpoint: times
	// depend on the machine, samples do not.
	maxSamples = 350_000
	costDays   = 30
)

// TestCost measures what recording takes, and one load of each dashboard over 24 hours
// with 30 days of data: all queries, six at a time, as a browser asks.
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
			recorded := costOfRecords(t, n, raw)
			costOfDashboards(t, n, append(raw, recorded...))
		})
	}
}

// exposed returns what an exporter shows of an account of so many endpoints, of which
// each has a delivery and every tenth a failure.
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

// costOfRecords returns what the rules record of the series after half an hour.
func costOfRecords(t *testing.T, n int, raw []pushed) (recorded []pushed) {
	t.Helper()
	prom := startPrometheus(t, serverOptions{interval: *costInterval, receives: true})
	defer prom.kill()
	end := time.Now().Add(2 * time.Minute) // for the evaluations that follow
	prom.push(t, raw, end.Add(-35*time.Minute), end, *costInterval)
	var sum float64
	after := time.Now().Add(2 * *costInterval) // what rules read of other rules is there by then
	eventually(t, time.Minute+3**costInterval, "the groups are evaluated", func() error {
		var data struct {
			Groups []struct {
				Name           string
				LastEvaluation time.Time
				EvaluationTime float64
			}
		}
		if err := prom.api("/api/v1/rules", nil, &data); err != nil {
			return err
		}
		sum = 0
		for _, g := range data.Groups {
			if sum += g.EvaluationTime; g.LastEvaluation.Before(after) {
				return fmt.Errorf("%s was evaluated at %v", g.Name, g.LastEvaluation)
			}
		}
		return nil
	})
	found, err := prom.query(`{__name__=~".+:.+"}`)
	if err != nil || len(found) < n*20 {
		t.Fatalf("%d series are recorded: %v", len(found), err)
	}
	for _, s := range found {
		value, err := strconv.ParseFloat(s.Value[1].(string), 64)
		if err != nil {
			t.Fatal(err)
		}
		recorded = append(recorded, pushed{labels: s.Metric, value: value})
	}
	t.Logf("%d endpoints: one evaluation of all groups takes %.2f s and records %d series", n, sum, len(recorded))
	return recorded
}

// costOfDashboards loads each dashboard once.
func costOfDashboards(t *testing.T, n int, all []pushed) {
	t.Helper()
	prom := startPrometheus(t, serverOptions{interval: *costInterval, receives: true, withoutRules: true})
	defer prom.kill()
	models, uses := dashboards(t)
	ranged := map[string]bool{}
	for _, u := range uses {
		for _, name := range regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`).FindAllString(u.raw, -1) {
			ranged[name] = ranged[name] || !u.instant
		}
	}
	var month, day, now []pushed
	for _, s := range all {
		switch name := s.labels["__name__"]; {
		case name == "endpoint:webhook_deliveries:bar5m", name == "endpoint:webhook_delivery_failures:bar5m":
			month = append(month, s)
		case strings.HasSuffix(name, ":bar5m"):
			s.every = 5 * time.Minute
			day = append(day, s)
		case ranged[name]:
			day = append(day, s)
		default:
			now = append(now, s)
		}
	}
	end := time.Now().Truncate(5 * time.Minute)
	began := time.Now()
	prom.push(t, month, end.AddDate(0, 0, -costDays), end.Add(-24*time.Hour), 5*time.Minute)
	for i := range month {
		month[i].every = 5 * time.Minute
	}
	prom.push(t, append(month, day...), end.Add(-24*time.Hour), end, *costInterval)
	prom.push(t, now, end.Add(-10*time.Minute), end, *costInterval)
	t.Logf("%d endpoints: the data took %v", n, time.Since(began).Round(time.Second))
	for _, d := range models {
		var (
			group   sync.WaitGroup
			mu      sync.Mutex
			samples int
			slowest time.Duration
			where   string
		)
		free := make(chan struct{}, 6)
		began := time.Now()
		for _, u := range uses {
			if u.uid != d.UID {
				continue
			}
			group.Go(func() {
				free <- struct{}{}
				defer func() { <-free }()
				began := time.Now()
				read, err := prom.samples(u, end)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Errorf("%s: %v", u.where, err)
				}
				samples += read
				if took := time.Since(began); took > slowest {
					slowest, where = took, u.where
				}
			})
		}
		group.Wait()
		t.Logf("%d endpoints: %s loads in %v, reads %d samples; slowest: %v, %s",
			n, d.UID, time.Since(began).Round(time.Millisecond), samples, slowest.Round(time.Millisecond), where)
		if limit := n * maxSamples; samples > limit {
			t.Errorf("%s reads %d samples, the limit is %d", d.UID, samples, limit)
		}
	}
}

// samples asks a query as its dashboard does over 24 hours, and returns how many samples
// Prometheus went through for it.
func (p *prometheus) samples(u use, end time.Time) (int, error) {
	const span = 24 * time.Hour
	step := max(u.step, 2*time.Minute) // as wide as a panel has points
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
			Samples struct{ TotalQueryableSamples int }
		}
		Result json.RawMessage
	}
	err := p.api(path, args, &data)
	return data.Stats.Samples.TotalQueryableSamples, err
}
