package dashboards_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"omegastream_exporter/collector"
)

// unread lists the families that neither a panel nor a rule reads, and who needs them.
var unread = map[string]string{
	"omegastream_account_info":     "users with several accounts join it to tell them apart",
	"omegastream_exporter_leading": "users with replicas see which one leads; any of them can lead",
}

// TestEveryFamilyIsRead checks that a panel or rule reads each family, unless it is listed as
// unread, and that something reads each record.
func TestEveryFamilyIsRead(t *testing.T) {
	t.Parallel()
	var exprs []string
	_, uses := dashboards(t)
	for _, u := range append(uses, grafanaAlerts(t)...) {
		exprs = append(exprs, u.raw)
	}
	text := regexp.MustCompile(`^(#|summary:|description:)`)
	for _, file := range glob(t, "rules/*.rules.yaml") {
		for line := range strings.Lines(read(t, file)) {
			line = strings.TrimSpace(line)
			if !strings.HasPrefix(line, "- record: ") && !text.MatchString(line) {
				exprs = append(exprs, line)
			}
		}
	}
	read := map[string]bool{}
	for _, expr := range exprs {
		for _, name := range regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`).FindAllString(expr, -1) {
			read[name] = true
		}
	}
	for _, name := range recordNames(t) {
		if !read[name] {
			t.Errorf("nothing reads the record %s", name)
		}
	}
	left := len(unread)
	for _, f := range collector.Families() {
		isRead := slices.ContainsFunc([]string{"", "_bucket", "_count", "_sum"}, func(end string) bool { return read[f.Name+end] })
		switch reason, listed := unread[f.Name]; {
		case listed:
			left--
			if isRead || reason == "" {
				t.Errorf("a panel or rule reads %s, or its reason is empty", f.Name)
			}
		case !isRead:
			t.Errorf("no panel and no rule reads %s: show it, stop exporting it, or say here who needs it", f.Name)
		}
	}
	if left != 0 {
		t.Errorf("%d entries of unread are not families", left)
	}
}

// recordNames returns the names of all records.
func recordNames(t *testing.T) (names []string) {
	t.Helper()
	for _, found := range regexp.MustCompile(`(?m)- record: (\S+)$`).FindAllStringSubmatch(read(t, "rules/omegastream.rules.yaml"), -1) {
		names = append(names, found[1])
	}
	return names
}
