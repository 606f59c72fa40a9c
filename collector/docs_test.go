package collector

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The table in docs/metrics.md matches the descriptions. To update it after an intended
// change:
//
//	go test ./collector -run TestMetricsAreDocumented -update
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	const file, begin, end = "../docs/metrics.md", " by `go test ./collector -update` -->\n\n", "\n<!-- end of metrics -->\n"
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, begun := strings.Cut(string(content), begin)
	table, tail, ended := strings.Cut(rest, end)
	if !begun || !ended {
		t.Fatalf("%s lacks a marker around its table: %q or %q", file, begin, end)
	}
	want := metricsTable()
	if *update {
		if err := os.WriteFile(file, []byte(head+begin+want+end+tail), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(table, "\n")); diff != "" {
		t.Errorf("%s differs from the descriptions (-described +documented), see the flag -update:\n%s", file, diff)
	}
}

// metricsTable returns a Markdown table of all described families.
func metricsTable() string {
	var b strings.Builder
	b.WriteString("| name | type | labels | meaning |\n|---|---|---|---|\n")
	for _, f := range Families() {
		labels := ""
		if len(f.Labels) > 0 {
			labels = "`" + strings.Join(f.Labels, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Name, f.Type, labels, strings.ReplaceAll(f.Help, "|", "\\|"))
	}
	return b.String()
}
