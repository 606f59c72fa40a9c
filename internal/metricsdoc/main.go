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
Besides these there are ` + "`omegastream_exporter_build_info`, `go_*`, `process_*` and `promhttp_*`" + `.

## How to read them

- **Counters count from the first contact with an endpoint.** What its list held
  already is history: it fills the gauges and never enters a counter.
- **Every series begins at 0** and stays there for ` + "`--collector.hold-new-series`" + ` (one
  minute) after a scrape has shown it, so that ` + "`increase()`" + ` sees the first failure.
- **Failures are a subset of deliveries** with the same labels; a ratio is a plain
  division. A delivery whose status code changes, because the provider tried again,
  is one more outcome.
- **Every instance shows the whole account.** With replicas or sidecars, take the
  maximum over instances: ` + "`max without (instance, pod) (...)`" + `; a sum multiplies. The
  gauges of an instance that cannot read the API stay what they were: the shipped rules leave out those that are behind.
- **Absent is not 0.** Before the first contact with an endpoint it has no counters,
  and a timestamp that never was is not shown.
- Created timestamps come with the protobuf format (Prometheus:
  ` + "`--enable-feature=created-timestamp-zero-ingestion`" + `), exemplars with OpenMetrics
  (` + "`--enable-feature=exemplar-storage`" + `). Neither is needed for exact counts.
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
