package dashboards_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"omegastream_exporter/internal/test/needs"
	"omegastream_exporter/internal/test/tools"
)

// tool returns the path of a tool. Without it, the test ends.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := tools.Path("..", name)
	if err != nil {
		needs.Missing(t, err.Error())
	}
	return path
}

// glob returns the files that match a pattern; there must be some.
func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(files), err)
	}
	return files
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRules runs promtool's checks on the rules, and the scenarios in rules/tests.
func TestRules(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
	promtool := tool(t, "promtool")
	check := append([]string{"check", "rules", "--lint=all", "--lint-fatal"}, glob(t, "rules/*.rules.yaml")...)
	if out, err := exec.Command(promtool, check...).CombinedOutput(); err != nil {
		t.Fatalf("promtool check rules: %v\n%s", err, out)
	}
	for _, file := range glob(t, "rules/tests/*.test.yaml") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test.yaml"), func(t *testing.T) {
			t.Parallel()
			if out, err := exec.Command(promtool, "test", "rules", file).CombinedOutput(); err != nil {
				t.Errorf("promtool test rules %s: %v\n%s", file, err, out)
			}
		})
	}
}

var alertName = regexp.MustCompile(`(?m)^\s*- alert: (\S+)$`)

// alerts returns the names of all alerts, including those of the optional file.
func alerts(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, file := range glob(t, "rules/*.rules.yaml") {
		for _, found := range alertName.FindAllStringSubmatch(read(t, file), -1) {
			names = append(names, found[1])
		}
	}
	if len(names) < 17 {
		t.Fatalf("found %d alerts: %v", len(names), names)
	}
	return names
}

// grafanaFiles returns the files with Grafana's alerts, including the optional one.
func grafanaFiles(t *testing.T) []string {
	t.Helper()
	return append(glob(t, "../deploy/grafana/provisioning/alerting/*"), "../deploy/grafana/optional/omegastream-videos.yaml")
}

// TestEveryAlert checks that each alert has all its parts.
func TestEveryAlert(t *testing.T) {
	t.Parallel()
	runbooks := read(t, "../docs/runbooks.md")
	var scenarios, operator, grafana strings.Builder
	for _, file := range glob(t, "rules/tests/*.test.yaml") {
		scenarios.WriteString(read(t, file))
	}
	for _, file := range glob(t, "rules/prometheusrule*.yaml") {
		operator.WriteString(read(t, file))
	}
	for _, file := range grafanaFiles(t) {
		grafana.WriteString(read(t, file))
	}
	names := alerts(t)
	for _, name := range names {
		_, section, found := strings.Cut(runbooks, "\n### "+name+"\n")
		section, _, _ = strings.Cut(section, "\n### ")
		if !found {
			t.Errorf("%s: no section in docs/runbooks.md", name)
		}
		for _, part := range []string{"**Meaning.**", "**Impact.**", "**Diagnosis.**", "**Mitigation.**"} {
			if !strings.Contains(section, part) {
				t.Errorf("%s: its runbook has no %s", name, part)
			}
		}
		look, _, _ := strings.Cut(section[strings.Index(section, "**Diagnosis.**")+1:], "**Mitigation.**")
		for what, pattern := range map[string]string{"query": "```promql\n", "page of the exporter": "`EXPORTER/", "curl": "`(time )?(api|curl) "} {
			if !regexp.MustCompile(pattern).MatchString(look) {
				t.Errorf("%s: its runbook names no %s to look at", name, what)
			}
		}
		if !strings.Contains(scenarios.String(), "alertname: "+name+"\n") {
			t.Errorf("%s: no scenario in which it fires", name)
		}
		if !regexp.MustCompile(`alertname: ` + name + `, exp_alerts: \[\]`).MatchString(scenarios.String()) {
			t.Errorf("%s: no scenario in which it stays quiet", name)
		}
		if !strings.Contains(operator.String(), "- alert: "+name+"\n") {
			t.Errorf("%s: not in the PrometheusRule", name)
		}
		if !strings.Contains(grafana.String(), "title: '"+name+"'\n") {
			t.Errorf("%s: not among Grafana's alerts", name)
		}
	}
	for _, found := range regexp.MustCompile(`(?m)^### (OmegaStream\S+)$`).FindAllStringSubmatch(runbooks, -1) {
		if !strings.Contains(strings.Join(names, " ")+" ", found[1]+" ") {
			t.Errorf("docs/runbooks.md has a section for %s, which is not an alert", found[1])
		}
	}
}

// TestLinks follows the head of each file of rules, where nobody has Node: it says how to
// change an alert, and its command puts one's own addresses in, and leaves no other.
func TestLinks(t *testing.T) {
	t.Parallel()
	for _, file := range glob(t, "rules/*rule*.yaml") {
		text := read(t, file)
		command := regexp.MustCompile(`(?m)^# {3}(sed -i .*) FILE$`).FindStringSubmatch(text)
		if command == nil {
			t.Errorf("%s: its head has no command", file)
			continue
		}
		// Without Helm, people change alerts in this file: a comment above each one says how.
		if commented := len(regexp.MustCompile(`(?m)^ *# .+\n *- alert: `).FindAllString(text, -1)); !strings.Contains(text, "# To change an alert, edit ") || commented != strings.Count(text, "- alert: ") {
			t.Errorf("%s does not say how to change each alert", file)
		}
		mine := filepath.Join(t.TempDir(), "rules.yaml")
		if err := os.WriteFile(mine, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, "sh", "-c", command[1]+` "$1"`, "sh", mine)
		text = read(t, mine)
		for _, other := range []string{"example.com", "localhost"} {
			if strings.Contains(text, other) {
				t.Errorf("%s: %s is left", file, other)
			}
		}
		for _, link := range []string{"dashboard_url: 'https://your.grafana/d/omegastream-", "{{ else }}https://your/runbooks.md#omegastream", "{{ else }}https://your.exporter/failures"} {
			if got, want := strings.Count(text, link), strings.Count(text, "- alert: "); got != want {
				t.Errorf("%s: %d of %d alerts have %s", file, got, want, link)
			}
		}
	}
}

// TestLinksOfAllFiles runs the README's command for people without Node, which must replace
// all addresses in dashboards, rules and provisioning.
func TestLinksOfAllFiles(t *testing.T) {
	t.Parallel()
	block := regexp.MustCompile("(?s)Without Node, .*?```sh\n(.*?)```").FindStringSubmatch(read(t, "README.md"))
	if block == nil {
		t.Fatal("the README has no command")
	}
	dir := t.TempDir()
	var files []string
	for _, pattern := range []string{"*-*.json", "rules/*.yaml", "../deploy/grafana/*.yaml", "../deploy/grafana/*/*.yaml", "../deploy/grafana/*/*/*.yaml"} {
		for _, file := range glob(t, pattern) {
			copied := filepath.Join(dir, "dashboards", file)
			if err := os.MkdirAll(filepath.Dir(copied), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(copied, []byte(read(t, file)), 0o600); err != nil {
				t.Fatal(err)
			}
			files = append(files, copied)
		}
	}
	run(t, "sh", "-c", `cd "$1" && `+block[1], "sh", dir)
	mine := map[string]int{}
	for _, file := range files {
		text := read(t, file)
		for _, other := range []string{"example.com", "localhost:9877"} {
			if strings.Contains(text, other) {
				t.Errorf("%s: %s is left", file, other)
			}
		}
		for _, link := range []string{"https://grafana.mine/d/omegastream-", "https://git.mine/runbooks.md", "https://webhooks.mine"} {
			mine[link] += strings.Count(text, link)
		}
	}
	for link, n := range mine {
		if n < 3 {
			t.Errorf("%d links are %s", n, link)
		}
	}
}

// TestOperatorRules compares the rules of the Prometheus operator with the plain ones.
func TestOperatorRules(t *testing.T) {
	t.Parallel()
	for plain, operator := range map[string]string{
		"rules/omegastream.rules.yaml": "rules/prometheusrule.yaml", "rules/omegastream-videos.rules.yaml": "rules/prometheusrule-videos.yaml",
	} {
		_, want, _ := strings.Cut(read(t, plain), "\ngroups:\n")
		_, got, _ := strings.Cut(read(t, operator), "\n  groups:\n")
		got = strings.ReplaceAll("\n"+got, "\n  ", "\n")
		if got[1:] != want || want == "" {
			t.Errorf("%s has other groups than %s", operator, plain)
		}
	}
}

// TestExample checks the example of Prometheus' configuration beside the rules, as it
// is and with its lines for a pair.
func TestExample(t *testing.T) {
	t.Parallel()
	config := read(t, "../deploy/prometheus/prometheus.yml")
	pair := regexp.MustCompile(`(?m)^ {2}# ((external_labels|alert_relabel_configs): \[?\{.*)$`).ReplaceAllString(config, "  $1")
	if strings.Count(pair, "#") != strings.Count(config, "#")-2 {
		t.Fatal("the lines for a pair are missing")
	}
	for _, text := range []string{config, pair} {
		dir := t.TempDir()
		for name, text := range map[string]string{"prometheus.yml": text, "omegastream.rules.yaml": read(t, "rules/omegastream.rules.yaml")} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		run(t, tool(t, "promtool"), "check", "config", filepath.Join(dir, "prometheus.yml"))
	}
}

// TestGrafanaAlerts checks what Grafana's own alerts have besides their queries: a panel
// that is there, quiet where Prometheus is away, and the example of who is told.
func TestGrafanaAlerts(t *testing.T) {
	t.Parallel()
	all, _ := dashboards(t)
	panels := map[string]bool{}
	for _, d := range all {
		for _, p := range d.Panels {
			panels[fmt.Sprintf("%s %d", d.UID, p.ID)] = p.Type != "row"
		}
	}
	for _, file := range grafanaFiles(t) {
		rules := strings.Split(read(t, file), "\n    - uid: ")[1:]
		if len(rules) == 0 {
			t.Errorf("%s has no rules", file)
		}
		for _, rule := range rules {
			name, _, _ := strings.Cut(rule, "\n")
			for _, line := range []string{"noDataState: 'OK'", "execErrState: 'KeepLast'"} {
				if !strings.Contains(rule, "\n      "+line+"\n") {
					t.Errorf("%s: no %s", name, line)
				}
			}
			panel := regexp.MustCompile(`\n +dashboardUid: '(.+)'\n +panelId: (\d+)\n`).FindStringSubmatch(rule)
			if len(panel) != 3 || !panels[panel[1]+" "+panel[2]] {
				t.Errorf("%s leads to the panel %q", name, panel)
			}
		}
	}
	policies := read(t, "../deploy/grafana/optional/notification-policies.yaml")
	for _, found := range regexp.MustCompile(`receiver: (\S+)`).FindAllStringSubmatch(policies, -1) {
		if !strings.Contains(policies, "\n    name: "+found[1]+"\n") {
			t.Errorf("the receiver %s is not a contact point", found[1])
		}
	}
	// One cause is one message: what Alertmanager's example groups by.
	if !strings.Contains(policies, "\n    group_by: [cluster, namespace, job, endpoint_id]\n") || !strings.Contains(policies, "[[severity, '=', critical]]") {
		t.Error("the policies do not group by endpoint, or no severity goes to the pager")
	}
}
