package dashboards_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/gobuild"
)

// client asks the servers of a test.
var client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// freeAddress returns an unused address.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// process is a running server.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	log bytes.Buffer
}

// start starts a program, and waits until the URL answers with 200.
func start(t *testing.T, ready, name string, args, env []string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(name, args...)}
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			log := p.log.String()
			t.Logf("the log of %s:\n%s", filepath.Base(name), log[max(0, len(log)-4000):])
		}
	})
	eventually(t, 2*time.Minute, name+" is ready", func() error {
		_, err := get(ready)
		return err
	})
	return p
}

// kill ends the program abruptly. It can be called twice.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// get returns the body of a URL, which must answer with 200.
func get(from string) ([]byte, error) {
	resp, err := client.Get(from)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %.500s", from, resp.Status, body)
	}
	return body, err
}

// patience is the minimum time that a test waits, as everything is late on a busy machine.
const patience = 4 * time.Minute

// eventually waits until a condition holds, for the limit or patience, whichever is longer.
func eventually(t *testing.T, limit time.Duration, what string, holds func() error) {
	t.Helper()
	limit = max(limit, patience)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	end := time.Now().Add(limit)
	for {
		err := holds()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s: %v", limit, what, err)
		}
		<-tick.C
	}
}

// prometheus is a running Prometheus.
type prometheus struct {
	base string
	*process
}

// serverOptions configure a Prometheus.
type serverOptions struct {
	alertmanager string
	data         string // a folder with blocks; empty for none
	withoutRules bool
	interval     time.Duration // of scrapes and evaluations; 0 means a second
	receives     bool          // whether it accepts remote writes
	blocks       time.Duration // their length; 0 means the default
	global       string        // more lines for these sections of the configuration
	alerting     string
}

// startPrometheus starts a Prometheus with the rules and without feature flags. It scrapes
// every second, to save time.
func startPrometheus(t *testing.T, o serverOptions, targets ...string) *prometheus {
	t.Helper()
	dir, address := t.TempDir(), freeAddress(t)
	if o.alertmanager != "" {
		o.alerting += fmt.Sprintf("  alertmanagers: [{static_configs: [{targets: ['%s']}]}]\n", o.alertmanager)
	}
	if o.interval == 0 {
		o.interval = time.Second
	}
	config := fmt.Sprintf("global:\n  scrape_interval: %[1]s\n  scrape_timeout: 1s\n  evaluation_interval: %[1]s\n", o.interval) + o.global + "alerting:\n" + o.alerting
	if len(targets) > 0 {
		config += fmt.Sprintf("scrape_configs:\n- job_name: omegastream\n  static_configs: [{targets: ['%s']}]\n", strings.Join(targets, "', '"))
	}
	if !o.withoutRules {
		for _, file := range glob(t, "rules/*.rules.yaml") {
			// Do not wait for the end of a bar or an hour.
			text := strings.NewReplacer("  interval: 5m\n", "", "  interval: 1h\n", "").Replace(read(t, file))
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		config += fmt.Sprintf("rule_files: ['%s/*.rules.yaml']\n", dir)
	}
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if o.data == "" {
		o.data = filepath.Join(dir, "data")
	}
	args := []string{
		"--config.file=" + file, "--storage.tsdb.path=" + o.data, "--storage.tsdb.retention.time=90d",
		"--no-storage.tsdb.allow-overlapping-compaction", // compacting the backfilled blocks would slow down the test
		"--web.listen-address=" + address, "--log.level=warn",
	}
	if o.receives {
		args = append(args, "--web.enable-remote-write-receiver")
	}
	if o.blocks > 0 {
		args = append(args, "--storage.tsdb.min-block-duration="+o.blocks.String(), "--storage.tsdb.max-block-duration="+o.blocks.String())
	}
	p := start(t, "http://"+address+"/-/ready", tool(t, "prometheus"), args, nil)
	return &prometheus{base: "http://" + address, process: p}
}

// api queries Prometheus and decodes the data of its answer.
func (p *prometheus) api(path string, args url.Values, data any) error {
	body, err := get(p.base + path + "?" + args.Encode())
	if err != nil {
		return err
	}
	return json.Unmarshal(body, &struct{ Data any }{data})
}

// sample is one series of an instant query.
type sample struct {
	Metric map[string]string
	Value  [2]any
}

func (s sample) String() string { return fmt.Sprintf("%v %v", s.Metric, s.Value[1]) }

// query returns the series of an instant query.
func (p *prometheus) query(expr string) ([]sample, error) {
	return p.queryAt(expr, time.Now())
}

func (p *prometheus) queryAt(expr string, at time.Time) ([]sample, error) {
	var data struct {
		ResultType string
		Result     json.RawMessage
	}
	args := url.Values{"query": {expr}, "time": {strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64)}}
	if err := p.api("/api/v1/query", args, &data); err != nil {
		return nil, err
	}
	var samples []sample
	if data.ResultType != "vector" {
		return nil, fmt.Errorf("%s: a %s", expr, data.ResultType)
	}
	err := json.Unmarshal(data.Result, &samples)
	return samples, err
}

// queryRange returns the values of each series over a time span that ends at a step. It
// leaves out the first step, which covers time before the span.
func (p *prometheus) queryRange(expr string, span, step time.Duration, end time.Time) (all [][]float64, err error) {
	var data struct {
		Result []struct{ Values [][2]any }
	}
	args := url.Values{"query": {expr}, "end": {strconv.FormatInt(end.Unix(), 10)}, "start": {strconv.FormatInt(end.Add(step-span).Unix(), 10)}, "step": {step.String()}}
	if err := p.api("/api/v1/query_range", args, &data); err != nil {
		return nil, err
	}
	for _, series := range data.Result {
		var values []float64
		for _, v := range series.Values {
			f, err := strconv.ParseFloat(v[1].(string), 64)
			if err != nil {
				return nil, err
			}
			values = append(values, f)
		}
		all = append(all, values)
	}
	return all, nil
}

// number returns the value of a query with one series, as Prometheus formats it.
func (p *prometheus) number(expr string) (string, error) {
	samples, err := p.query(expr)
	if err != nil {
		return "", err
	}
	if len(samples) != 1 {
		return "", fmt.Errorf("%s: %d series", expr, len(samples))
	}
	return samples[0].Value[1].(string), nil
}

// wait waits until a query has a value.
func (p *prometheus) wait(t *testing.T, limit time.Duration, expr, value string) {
	t.Helper()
	eventually(t, limit, expr+" = "+value, func() error {
		got, err := p.number(expr)
		if err == nil && got != value {
			err = fmt.Errorf("it is %s", got)
		}
		return err
	})
}

// receiver receives the notifications of Alertmanager.
type receiver struct {
	server *httptest.Server

	mu     sync.Mutex
	alerts []map[string]string // labels and annotations of each firing alert, and the path it was sent to
}

func startReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		var message struct {
			Alerts []struct {
				Status              string
				Labels, Annotations map[string]string
			}
		}
		if err := json.NewDecoder(req.Body).Decode(&message); err != nil {
			t.Errorf("a notification: %v", err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, a := range message.Alerts {
			if a.Status != "firing" {
				continue
			}
			one := map[string]string{"path": req.URL.Path}
			for k, v := range a.Annotations {
				one[k] = v
			}
			for k, v := range a.Labels {
				one[k] = v
			}
			r.alerts = append(r.alerts, one)
		}
	}))
	t.Cleanup(r.server.Close)
	return r
}

// received returns the alerts with these labels.
func (r *receiver) received(labels map[string]string) []map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []map[string]string
next:
	for _, a := range r.alerts {
		for k, v := range labels {
			if a[k] != v {
				continue next
			}
		}
		found = append(found, a)
	}
	return found
}

// startAlertmanager starts an Alertmanager with the configuration in deploy/prometheus, with
// other addresses and shorter waits, and returns its address.
func startAlertmanager(t *testing.T, r *receiver) string {
	t.Helper()
	config := read(t, "../deploy/prometheus/alertmanager.yml")
	for from, to := range map[string]string{
		"http://localhost:9099": r.server.URL,
		"group_wait: 30s":       "group_wait: 100ms",
		"group_interval: 5m":    "group_interval: 1s",
	} {
		if !strings.Contains(config, from) {
			t.Fatalf("deploy/prometheus/alertmanager.yml has no %q", from)
		}
		config = strings.ReplaceAll(config, from, to)
	}
	return startAlertmanagerWith(t, config)
}

// startAlertmanagerWith starts an Alertmanager with a configuration.
func startAlertmanagerWith(t *testing.T, config string) string {
	t.Helper()
	dir, address := t.TempDir(), freeAddress(t)
	file := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, "http://"+address+"/-/ready", tool(t, "alertmanager"), []string{
		"--config.file=" + file, "--storage.path=" + dir, "--web.listen-address=" + address, "--cluster.listen-address=", "--log.level=warn",
	}, nil)
	return address
}

var buildOnce = sync.OnceValues(func() (string, error) {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("omegastream-dashboards-%d", os.Getpid()))
	return path, gobuild.Exporter(path)
})

// exporter is an exporter that can be killed and restarted at the same address.
type exporter struct {
	address, state, api string
	more                []string // more arguments
	*process
}

func startExporter(t *testing.T, api string) *exporter {
	t.Helper()
	e := &exporter{address: freeAddress(t), state: filepath.Join(t.TempDir(), "ledger.db"), api: api}
	e.start(t)
	return e
}

func (e *exporter) start(t *testing.T) {
	t.Helper()
	binary, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	e.process = start(t, "http://"+e.address+"/-/healthy", binary, append([]string{
		"--api.url=" + e.api, "--api.rate-limit=0", "--state.url=file:" + e.state, "--web.listen-address=" + e.address,
		"--collector.hold-new-series=3s", "--collector.min-interval=0", "--web.external-url=http://" + e.address,
	}, e.more...), []string{"OMEGASTREAM_API_KEY=" + simulator.DefaultKey})
}
