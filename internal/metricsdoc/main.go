// Command metricsdoc writes docs/metrics.md from the descriptions in the code.
package main

import (
	"fmt"
	"os"
	"strings"

	"omegastream_exporter/collector"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: metricsdoc FILE")
		os.Exit(1)
	}
	//nolint:gosec // the file is named by who generates
	if err := os.WriteFile(os.Args[1], []byte(page()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "metricsdoc:", err)
		os.Exit(1)
	}
}

const head = `# Metrics

<!-- Generated from the descriptions in collector/ by ` + "`make generate`" + `; do not edit. -->

`

const foot = `
There are also ` + "`" + `omegastream_exporter_build_info` + "`" + `, ` + "`" + `go_*` + "`" + `, ` + "`" + `process_*` + "`" + ` and ` + "`" + `promhttp_*` + "`" + `.

## How to query them

- **Counters start at the first contact with an endpoint.** Deliveries that its list
  already had fill the gauges, but are not counted.
- **Every series starts at 0** and stays there for ` + "`" + `--collector.hold-new-series` + "`" + ` (one
  minute) after a scrape has shown it, so that ` + "`" + `increase()` + "`" + ` sees the first failure.
- **Failures are a subset of deliveries** with the same labels, so you can divide one by
  the other. If OmegaStream retries a delivery and its status code changes, that is one
  more outcome.
- **Every instance shows the whole account.** With replicas or sidecars, take the
  maximum over instances, ` + "`" + `max without (instance, pod) (...)` + "`" + `, and never the sum. The
  gauges of an instance that cannot read the API keep their values; the rules in this
  repository leave out instances that are behind.
- **Absent is not 0.** An endpoint has no counters before the first contact, and a
  timestamp is absent until the event that it dates has happened.
- Created timestamps need the protobuf format (Prometheus:
  ` + "`" + `--enable-feature=created-timestamp-zero-ingestion` + "`" + `), exemplars need OpenMetrics
  (` + "`" + `--enable-feature=exemplar-storage` + "`" + `). Counts are exact without either.

## How many series to expect

An endpoint has about 35 series, plus 10 for each event type that it is subscribed to, plus
3 for each further pair of event type and status code: about 55 for two types, 140 for all
ten. The exporter itself has about 165. So 350 endpoints with all types, or 900 with two,
make 50,000 series; the exporter logs a warning when a scrape has more than that.

Label values are bounded: ` + "`" + `event_type` + "`" + ` has at most the documented types and 20 more for an
account (the rest is ` + "`" + `other` + "`" + `), and ` + "`" + `status_code` + "`" + ` only 100 to 599 and ` + "`" + `none` + "`" + `.

To store fewer series, drop what you do not look at. No alert reads the following metrics,
which are a quarter of an endpoint's series; the dashboards' panels for them stay empty:

` + "`" + `` + "`" + `` + "`" + `yaml
    metric_relabel_configs:
      - source_labels: [__name__]
        regex: webhook_window_deliveries|webhook_delivery_latency_seconds_.*
        action: drop
` + "`" + `` + "`" + `` + "`" + `

Watch fewer endpoints with ` + "`" + `--webhook.endpoint-id` + "`" + `. To look at a few metrics only, ask for
them by name; such a request does not count as a scrape that has shown the counters:

` + "`" + `` + "`" + `` + "`" + `sh
curl -sg 'localhost:9877/metrics?name[]=omegastream_up&name[]=webhook_events_total'
` + "`" + `` + "`" + `` + "`" + `
`

func page() string {
	var b strings.Builder
	b.WriteString(head)
	b.WriteString("| name | type | labels | meaning |\n|---|---|---|---|\n")
	for _, f := range collector.Families() {
		labels := ""
		if len(f.Labels) > 0 {
			labels = "`" + strings.Join(f.Labels, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Name, f.Type, labels, strings.ReplaceAll(f.Help, "|", "\\|"))
	}
	b.WriteString(foot)
	return b.String()
}
