package dashboards_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"regexp"
	"strings"
	"sync"
	"testing"

	"omegastream_exporter/internal/test/needs"
)

// TestCheckAnImport runs the README's commands to check an import, against a server that
// answers like Grafana and Prometheus.
func TestCheckAnImport(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"bash", "curl", "jq"} {
		needs.Tool(t, name)
	}
	models := map[string]string{"omegastream-deliveries": "webhook-deliveries.json", "omegastream-exporter": "omegastream-exporter.json"}
	var (
		mu    sync.Mutex
		asked = map[string]bool{}
	)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path != "/api/v1/rules" && r.Header.Get("Authorization") != "Bearer glsa_1" {
			t.Errorf("%s has no token", r.URL)
		}
		switch r.URL.Path {
		case "/api/datasources/uid/prometheus/health":
			_, _ = io.WriteString(w, `{"status":"OK"}`)
		case "/api/ds/query":
			var body struct {
				Queries []struct{ RefID, Expr string }
			}
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body.Queries) < 20 {
				t.Errorf("queries: %v, %d of them", err, len(body.Queries))
			}
			results := map[string]any{}
			for _, q := range body.Queries {
				asked[q.Expr] = true
				results[q.RefID] = map[string]any{"status": http.StatusOK, "frames": []struct{}{{}, {}}}
			}
			if err := json.NewEncoder(w).Encode(map[string]any{"results": results}); err != nil {
				t.Error(err)
			}
		case "/api/v1/rules":
			_, _ = io.WriteString(w, `{"data":{"groups":[{"rules":[{"health":"ok"},{"health":"ok"}]}]}}`)
		default:
			file, known := models[path.Base(r.URL.Path)]
			if !known {
				t.Errorf("unexpected request for %s", r.URL)
				return
			}
			_, _ = io.WriteString(w, `{"dashboard":`+read(t, file)+`}`)
		}
	}))
	defer server.Close()
	script := regexp.MustCompile("(?s)## Check an import\n.*?```sh\n(.*?)```").FindStringSubmatch(read(t, "README.md"))
	if script == nil {
		t.Fatal("the README has no commands to check an import")
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script[1])
	cmd.Env = append(os.Environ(), "TOKEN=glsa_1", "GRAFANA="+server.URL, "PROMETHEUS="+server.URL)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`"status":"OK"`, "\nBudget left, 30 days A: 2\n", `2 "health":"ok"`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	all, _ := dashboards(t)
	variable := regexp.MustCompile(`\$(cluster|namespace|job|endpoint|event_type|status_code)\b`)
	for _, d := range all {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				if expr := variable.ReplaceAllString(target.Expr, ".*"); !asked[expr] {
					t.Errorf("the commands do not check %s: %s", p.Title, expr)
				}
			}
		}
	}
}
