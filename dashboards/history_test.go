package dashboards_test

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/collector"
)

// pastJob is the job of the backfilled series.
const pastJob = "omegastream-past"

const (
	pastDays = 32
	// recent is for how long there are samples of all families; before that, there are only
	// counters of deliveries and events.
	recent = 26 * time.Hour
)

// past writes a month of samples of an account's exporters: a pod that comes back under a new
// instance every day, with its state, and for four days a second exporter with a state of its
// own.
type past struct {
	now time.Time
	w   *bufio.Writer
}

// rate describes the deliveries of one label set: one every so many minutes, from and to so
// many minutes ago.
type rate struct {
	endpoint, eventType, code string
	every, from, to           int
}

// rates are the deliveries that the panels must show.
var rates = []rate{
	{"past1", "video.process_succeeded", "200", 1, pastDays * 1440, 0},
	{"past1", "video.process_failed", "200", 30, pastDays * 1440, 0},
	{"past1", "video.process_succeeded", "503", 2, 12 * 1440, 12*1440 - 300}, // five hours, twelve days ago
	{"past1", "video.process_succeeded", "503", 5, 300, 200},
	{"past1", "video.process_failed", "none", 10, 600, 500},
	{"past2", "video.process_succeeded", "200", 20, pastDays * 1440, 0},
	{"past2", "video.process_succeeded", "404", 60, 4 * 1440, 2 * 1440},
}

// count returns the number of deliveries up to so many minutes ago.
func (r rate) count(ago int) int {
	return max(0, r.from-max(ago, r.to)) / r.every
}

// happened returns the number of deliveries and failures in the last minutes, of one endpoint
// or of all.
func happened(endpoint string, minutes int) (deliveries, failures float64) {
	for _, r := range rates {
		if endpoint != "" && r.endpoint != endpoint {
			continue
		}
		n := float64(r.count(0) - r.count(minutes))
		deliveries += n
		if r.code[0] != '2' {
			failures += n
		}
	}
	return deliveries, failures
}

// series writes one series, with a value every so many minutes.
func (p past) series(name, instance, labels string, from, to, every int, value func(ago int) float64) {
	for ago := from; ago >= to; ago -= every {
		fmt.Fprintf(p.w, "%s{job=%q,instance=%q%s} %g %d\n", name, pastJob, instance, labels, value(ago), p.now.Add(-time.Duration(ago)*time.Minute).Unix())
	}
}

// counters writes the counters of events and deliveries of an instance that was down for some
// minutes before. They count everything since the state was created.
func (p past) counters(instance string, born, from, to, every, down int) {
	values := make(map[string][]rate)
	for _, r := range rates {
		event := fmt.Sprintf(",endpoint_id=%q,event_type=%q", r.endpoint, r.eventType)
		delivery := event + fmt.Sprintf(",status_code=%q", r.code)
		values["webhook_events_total"+"|"+event] = append(values["webhook_events_total"+"|"+event], r)
		values["webhook_deliveries_total"+"|"+delivery] = append(values["webhook_deliveries_total"+"|"+delivery], r)
		if r.code[0] != '2' {
			values["webhook_delivery_failures_total"+"|"+delivery] = append(values["webhook_delivery_failures_total"+"|"+delivery], r)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		name, labels, _ := strings.Cut(key, "|")
		p.series(name, instance, labels, from, to, every, func(ago int) float64 {
			if ago == from {
				ago += down // first the loaded value; the next scrape shows what happened meanwhile
			}
			n := 0
			for _, r := range values[key] {
				n += r.count(ago) - r.count(born)
			}
			return float64(n)
		})
	}
}

// recorded writes the records of the rules: bars and hours of the whole month, and the
// windows of the last day that panels read. The tests in rules/tests check the rules
// themselves.
func (p past) recorded() {
	write := func(name, labels string, ago int, value float64) {
		fmt.Fprintf(p.w, "%s{job=%q%s} %g %d\n", name, pastJob, labels, value, p.now.Add(-time.Duration(ago)*time.Minute).Unix())
	}
	series := func(name, labels string, from, every int, value func(ago int) (float64, bool)) {
		for ago := from - from%every; ago >= 0; ago -= every {
			if v, ok := value(ago); ok {
				write(name, labels, ago, v)
			}
		}
	}
	for _, r := range rates {
		labels := fmt.Sprintf(",endpoint_id=%q,event_type=%q,status_code=%q", r.endpoint, r.eventType, r.code)
		bar := func(ago int) (float64, bool) {
			n := r.count(ago) - r.count(ago+5)
			return float64(n), n > 0
		}
		series("endpoint:webhook_deliveries:bar5m", labels, pastDays*1440, 5, bar)
		if r.code[0] != '2' {
			series("endpoint:webhook_delivery_failures:bar5m", labels, pastDays*1440, 5, bar)
		}
	}
	day := int(recent.Minutes())
	one := func(int) (float64, bool) { return 1, true }
	series("job:omegastream_exporter_known:group", "", day, 2, one)
	for _, name := range []string{
		"omegastream_exporter_data_age:seconds", "omegastream_exporter_oldest_data_age:seconds", "omegastream_exporter_event_detail_backlog:sum",
		"omegastream_exporter_history_detail_backlog:sum", "webhook_events_listed:sum", "omegastream_exporter_tracked_events:sum",
	} {
		series("job:"+name, "", day, 2, one)
	}
	// Some records exist for each endpoint and for the account.
	both := func(name string, from, every int, value func(endpoint string, ago int) (float64, bool)) {
		for _, id := range append([]string{""}, values["endpoint_id"]...) {
			level, labels := "endpoint:", fmt.Sprintf(",endpoint_id=%q", id)
			if id == "" {
				level, labels = "job:", ""
			}
			series(level+name, labels, from, every, func(ago int) (float64, bool) { return value(id, ago) })
		}
	}
	within := func(endpoint string, ago, minutes int) (deliveries, failures float64) {
		d, f := happened(endpoint, ago+minutes)
		d0, f0 := happened(endpoint, ago)
		return d - d0, f - f0
	}
	both("webhook_deliveries:hour", pastDays*1440, 60, func(id string, ago int) (float64, bool) { d, _ := within(id, ago, 60); return d, d > 0 })
	both("webhook_delivery_failures:hour", pastDays*1440, 60, func(id string, ago int) (float64, bool) { _, f := within(id, ago, 60); return f, f > 0 })
	for window, minutes := range map[string]int{"1h": 60, "2h": 120, "6h": 360, "1d": 1440, "3d": 3 * 1440} {
		both("webhook_deliveries:increase"+window, day, 2, func(id string, ago int) (float64, bool) { d, _ := within(id, ago, minutes); return d, true })
		both("webhook_delivery_failures:increase"+window, day, 2, func(id string, ago int) (float64, bool) { _, f := within(id, ago, minutes); return f, true })
	}
	for _, level := range []string{"job:", "endpoint:"} {
		id := map[string]string{"endpoint:": `,endpoint_id="past1"`}[level]
		series(level+"webhook_delivery_latency_seconds_bucket:bar5m", id+`,le="1"`, day, 5, one)
		series(level+"webhook_delivery_latency_seconds_bucket:bar5m", id+`,le="+Inf"`, day, 5, one)
	}
	for _, id := range values["endpoint_id"] {
		labels := fmt.Sprintf(",endpoint_id=%q", id)
		named := labels + `,host="hooks.example.com",id="` + id + `"`
		series("endpoint:omegastream_exporter_list_gaps:bar5m", named, day, 5, one)
		for _, name := range []string{"event_detail_backlog:max", "history_detail_backlog:max", "oldest_unfetched_event:seconds", "data_age:seconds"} {
			series("endpoint:omegastream_exporter_"+name, named, day, 2, one)
		}
		series("endpoint:webhook_endpoint_info:host", labels+`,host="hooks.example.com",description="Shop"`, day, 2, one)
		for _, gauge := range []string{"webhook_endpoint_active", "webhook_endpoint_consecutive_failures", "webhook_endpoint_last_status_code", "webhook_deliveries_pending"} {
			series("endpoint:"+gauge+":max", labels, day, 2, one)
		}
		for name, detail := range map[string]string{"webhook_events": "event_type", "webhook_delivery_no_response": "reason", "webhook_delivery_recoveries": "event_type", "webhook_events_unresolved": "event_type"} {
			series("endpoint:"+name+":bar5m", labels+fmt.Sprintf(",%s=%q", detail, values[detail][0]), day, 5, one)
		}
		for window, minutes := range map[string]int{"1h": 60, "1d": 1440} {
			series("endpoint:webhook_delivery_failures:ratio"+window, labels, day, 2, func(ago int) (float64, bool) { d, f := within(id, ago, minutes); return f / d, d > 0 })
		}
	}
}

// values are the values of other labels than those of the rates.
var values = map[string][]string{
	"endpoint_id": {"past1", "past2"}, "event_type": {"video.process_succeeded", "video.process_failed"}, "status_code": {"200", "503"},
	"url": {"hooks.example.com"}, "description": {"Shop"}, "company_id": {"c"}, "reason": {"timeout", "dns"},
	"operation": {"list_endpoints", "list_events", "get_event"}, "code": {"200", "500"}, "result": {"success", "error"}, "le": {"0.1", "1", "10", "+Inf"},
}

// family writes every other family: counters and histograms grow, gauges stay constant, and
// timestamps are half a minute old.
func (p past) family(f collector.Family, instance string, from int) {
	sets := []string{""}
	labels := f.Labels
	if f.Type == "histogram" {
		labels = append(slices.Clone(labels), "le")
	}
	for _, label := range labels {
		var more []string
		for _, set := range sets {
			for _, value := range values[label] {
				more = append(more, fmt.Sprintf("%s,%s=%q", set, label, value))
			}
		}
		sets = more
	}
	for i, set := range sets {
		grows := func(ago int) float64 { return float64((from - ago) / (2 + i%4)) }
		switch {
		case f.Type == "histogram":
			bucket := 1 + slices.IndexFunc(values["le"], func(le string) bool { return strings.Contains(set, fmt.Sprintf("le=%q", le)) })
			p.series(f.Name+"_bucket", instance, set, from, 0, 2, func(ago int) float64 { return float64((from - ago) * bucket) })
		case f.Name == "omegastream_exporter_state_created_timestamp_seconds", f.Name == "webhook_endpoint_updated_timestamp_seconds":
			p.series(f.Name, instance, set, from, 0, 2, func(int) float64 { return float64(p.now.Add(-3 * time.Hour).Unix()) })
		case strings.HasSuffix(f.Name, "_timestamp_seconds"):
			p.series(f.Name, instance, set, from, 0, 2, func(ago int) float64 {
				return float64(p.now.Add(-time.Duration(ago)*time.Minute).Unix() - 30)
			})
		case f.Type == "counter" && f.Name != "omegastream_exporter_state_resets_total":
			p.series(f.Name, instance, set, from, 0, 2, grows)
		default:
			p.series(f.Name, instance, set, from, 0, 2, func(int) float64 { return 1 })
		}
	}
}

// backfill returns a folder with a month of blocks for Prometheus, and their end.
func backfill(t *testing.T) (dir string, end time.Time) {
	t.Helper()
	promtool := tool(t, "promtool")
	// Bars and windows end at whole minutes.
	end = time.Now().Add(-time.Minute).Truncate(5 * time.Minute)
	dir = t.TempDir()
	file := filepath.Join(dir, "past.openmetrics")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	p := past{now: end, w: bufio.NewWriter(out)}
	const (
		day  = 1440
		hour = 700 // minute of the day at which the pod is replaced
		down = 2
	)
	for d := pastDays - 2; d >= 0; d-- {
		from, to, every := d*day+hour, max(0, (d-1)*day+hour+down), 5
		if d <= 6 {
			every = 1
		}
		p.counters(fmt.Sprintf("pod-%d:9877", d), pastDays*day, from, to, every, down)
	}
	p.counters("own-state:9877", 6*day, 6*day, 2*day, 1, 0)
	for _, f := range collector.Families() {
		if !slices.Contains([]string{"webhook_events_total", "webhook_deliveries_total", "webhook_delivery_failures_total"}, f.Name) {
			p.family(f, "all:9877", int(recent.Minutes()))
		}
	}
	for _, name := range []string{"process_start_time_seconds", "process_resident_memory_bytes", "go_goroutines"} {
		p.family(collector.Family{Name: name, Type: "gauge"}, "all:9877", int(recent.Minutes()))
	}
	// An exporter that can no longer read the API keeps its values.
	stuck := func(name string, value float64) {
		p.series(name, "stuck:9877", `,endpoint_id="past1"`, day, 0, 2, func(int) float64 { return value })
	}
	stuck("webhook_endpoint_consecutive_failures", 99)
	stuck("omegastream_exporter_endpoint_last_successful_sync_timestamp_seconds", float64(end.Add(-day*time.Minute).Unix()))
	p.recorded()
	fmt.Fprintln(p.w, "# EOF")
	if err := p.w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	// promtool reads the file once for each block, so use few blocks.
	run(t, promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", "--max-block-duration=500h", file, data)
	return data, end
}

// run runs a command to its end.
func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
}
