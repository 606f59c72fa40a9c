package deploy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// service is a service of a compose file.
type service struct {
	Image       string
	Environment map[string]string
	Volumes     []struct{ Type, Source, Target string }
}

const (
	composeFile = "compose/compose.yaml"
	accountFile = "compose/compose.account.yaml"
)

// compose reads compose files like docker compose.
func compose(t *testing.T, files ...string) map[string]service {
	t.Helper()
	text, err := output("", tool(t, "checkcompose"), files...)
	if err != nil {
		t.Fatal(err)
	}
	var project struct{ Services map[string]service }
	if err := json.Unmarshal([]byte(text), &project); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return project.Services
}

// TestCompose checks the files that the containers of Prometheus, Alertmanager and Grafana
// see, with the tools of these programs.
func TestCompose(t *testing.T) {
	t.Parallel()
	services := compose(t, composeFile)
	root := make(map[string]string)
	for name, s := range services {
		root[name] = mounted(t, s)
	}
	if _, err := output("", tool(t, "promtool"), "check", "config", root["prometheus"]+"/etc/prometheus/prometheus.yml"); err != nil {
		t.Error(err)
	}
	if _, err := output("", tool(t, "amtool"), "check-config", root["alertmanager"]+"/etc/alertmanager/alertmanager.yml"); err != nil {
		t.Error(err)
	}

	// Which service connects to which, by service name and port.
	asked := regexp.MustCompile(`(?:targets: \[|url: http://)([a-z-]+):(\d+)`)
	var hosts []string
	for _, file := range []string{
		root["prometheus"] + "/etc/prometheus/prometheus.yml",
		root["grafana"] + "/etc/grafana/provisioning/datasources/prometheus.yaml",
	} {
		for _, m := range asked.FindAllStringSubmatch(read(t, file), -1) {
			if m[1] == "localhost" { // a link for the browser
				continue
			}
			hosts = append(hosts, m[1]+":"+m[2])
			if _, ok := services[m[1]]; !ok {
				t.Errorf("%s refers to %s, which is not a service", file, m[1])
			}
		}
	}
	slices.Sort(hosts)
	if got, want := strings.Join(hosts, " "), "alertmanager:9093 omegastream-exporter:9877 prometheus:9090"; got != want {
		t.Errorf("the files refer to %s, want %s", got, want)
	}

	// Grafana finds every dashboard in the folder of its provider.
	provider := read(t, root["grafana"]+"/etc/grafana/provisioning/dashboards/omegastream.yaml")
	path := regexp.MustCompile(`path: (\S+)`).FindStringSubmatch(provider)[1]
	for name, content := range dashboards(t) {
		if got, err := os.ReadFile(filepath.Join(root["grafana"], path, name)); err != nil || string(got) != content {
			t.Errorf("%s is not in Grafana's folder: %v", name, err)
		}
	}
	// Only Prometheus evaluates alerts.
	if _, err := os.Stat(root["grafana"] + "/etc/grafana/provisioning/alerting"); err == nil {
		t.Error("Grafana evaluates alerts as well as Prometheus")
	}
	home := services["grafana"].Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
	if _, err := os.Stat(root["grafana"] + home); err != nil {
		t.Errorf("the home dashboard: %v", err)
	}
}

// mounted copies the mounted files of a service to a new folder. All of them must be in the
// repository.
func mounted(t *testing.T, s service) (root string) {
	t.Helper()
	root = t.TempDir()
	repository, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, volume := range s.Volumes {
		if volume.Type != "bind" {
			continue
		}
		if _, err := output(repository, "git", "ls-files", "--error-unmatch", volume.Source); err != nil {
			t.Errorf("%s: %v", volume.Source, err)
			continue
		}
		target := filepath.Join(root, volume.Target)
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(volume.Source, target); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestComposeStarts starts the program with the environment of its service.
func TestComposeStarts(t *testing.T) {
	t.Parallel()
	environment := compose(t, composeFile)["omegastream-exporter"].Environment
	var env []string
	for name, value := range environment {
		env = append(env, name+"="+value)
	}
	address := startProgram(t, env, nil)
	if body, err := get("http://" + address + "/metrics"); err != nil || !strings.Contains(body, "\nomegastream_up 1\n") {
		t.Errorf("%v, and it shows no omegastream_up 1:\n%.2000s", err, body)
	}
}

// TestComposeAccount checks that the file for a real account ends the demo and asks for a
// key.
func TestComposeAccount(t *testing.T) {
	checkCompose := tool(t, "checkcompose")
	t.Setenv("OMEGASTREAM_API_KEY", "")
	if _, err := output("", checkCompose, composeFile, accountFile); err == nil || !strings.Contains(err.Error(), "set it to the API key") {
		t.Errorf("without a key: %v", err)
	}
	t.Setenv("OMEGASTREAM_API_KEY", "one")
	environment := compose(t, composeFile, accountFile)["omegastream-exporter"].Environment
	if environment["OMEGASTREAM_EXPORTER_DEMO"] != "false" || environment["OMEGASTREAM_API_KEY"] != "one" {
		t.Errorf("the environment is %v", environment)
	}
}

// TestComposeRefuses tests the check of compose files with wrong ones.
func TestComposeRefuses(t *testing.T) {
	t.Parallel()
	checkCompose, good := tool(t, "checkcompose"), read(t, composeFile)
	for name, tt := range map[string]struct{ old, wrong, want string }{
		"unknown key":     {"stop_grace_period:", "stop_grace_time:", "stop_grace_time false schema"},
		"wrong type":      {"read_only: true", "read_only: [yes]", "read_only"},
		"unknown volume":  {"- exporter:/data", "- exports:/data", "undefined volume exports"},
		"unknown service": {"depends_on: [prometheus]", "depends_on: [influxdb]", "undefined service"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wrong := strings.Replace(good, tt.old, tt.wrong, 1)
			if wrong == good {
				t.Fatalf("the file has no %q", tt.old)
			}
			if _, err := output("", checkCompose, write(t, "compose.yaml", wrong)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("it says %v, want %s", err, tt.want)
			}
		})
	}
}
