package web

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
)

// To update the golden files: go test ./internal/web -run TestGolden -update
func TestGolden(t *testing.T) {
	t.Parallel()
	bodies := options()
	bodies.ShowBody = true
	unsynced := options()
	unsynced.Status = nil
	pages, withBodies := filled(t, options()), filled(t, bodies)
	empty := New(openState(t, policy()), unsynced)
	for _, row := range []struct {
		golden, path string
		pages        *Pages
		status       int
	}{
		{"overview.html", "/", pages, 200},
		{"empty.html", "/", empty, 200},
		{"endpoint.html", "/endpoints/ep-bad", pages, 200},
		{"endpoint_filtered.html", "/endpoints/ep-bad?type=video.ready_to_watch&code=none", pages, 200},
		{"endpoint_unread.html", "/endpoints/ep-new", pages, 200},
		{"endpoint.json", "/endpoints/ep-good?format=json", pages, 200},
		{"event.html", "/events/shared%20event%2F1", pages, 200},
		{"event_bodies.html", "/events/" + hexID(3), withBodies, 200},
		{"event.json", "/events/" + hexID(3) + "?format=json", pages, 200},
		{"missing.html", "/endpoints/nobody", pages, 404},
	} {
		response, got := get(row.pages, row.path)
		if response.StatusCode != row.status {
			t.Errorf("%s: status %d", row.path, response.StatusCode)
		}
		path := filepath.Join("testdata", row.golden)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.golden, diff)
		}
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	p := filled(t, options())
	for path, status := range map[string]int{
		"/": 200, "/endpoints/ep-bad": 200, "/endpoints/ep-bad?format=json": 200, "/events/" + hexID(1): 200,
		"/nothing": 404, "/events/unknown": 404, "/endpoints/": 404, "/assets/nothing": 404, "/assets/style.css": 404,
	} {
		response, body := get(p, path)
		if response.StatusCode != status || body == "" {
			t.Errorf("%s: %d %q", path, response.StatusCode, body)
		}
		for key, want := range SecurityHeaders() {
			if got := response.Header.Get(key); got != want {
				t.Errorf("%s: %s is %q", path, key, got)
			}
		}
	}
	for header, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
	} {
		if got := SecurityHeaders()[header]; got != want {
			t.Errorf("%s is %q", header, got)
		}
	}
	w := httptest.NewRecorder()
	w.Header().Set("Content-Security-Policy", "mine")
	p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if got := w.Header().Get("Content-Security-Policy"); got != "mine" {
		t.Errorf("the header of --web.config.file became %q", got)
	}
}

var link = regexp.MustCompile(`(?:href|src|action)="([^"]*)"`)

// Every link on every page leads to a page or an asset, even behind a proxy.
func TestLinks(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ base, prefix string }{{"", ""}, {"/a/b", "/a/b"}, {"/a/b", ""}, {"", "/inner"}} {
		o := options()
		o.Base, o.Prefix = row.base, row.prefix
		p := filled(t, o)
		seen := map[string]bool{}
		todo := []string{row.base + "/"}
		for len(todo) > 0 {
			path := todo[0]
			todo = todo[1:]
			if strings.HasPrefix(path, "https://") { // in the runbooks
				continue
			}
			own, ok := strings.CutPrefix(path, row.base)
			if seen[path] || !ok {
				if !ok {
					t.Errorf("%q: a link to %q", row.base, path)
				}
				continue
			}
			seen[path] = true
			if own == "/metrics" || strings.HasPrefix(own, "/-/") {
				continue
			}
			response, body := get(p, row.prefix+own)
			if response.StatusCode != 200 {
				t.Errorf("%+v: %s: %d", row, path, response.StatusCode)
			}
			if !strings.Contains(response.Header.Get("Content-Type"), "html") {
				continue
			}
			for _, match := range link.FindAllStringSubmatch(body, -1) {
				if target, _, _ := strings.Cut(strings.ReplaceAll(match[1], "&amp;", "&"), "#"); target != "" {
					todo = append(todo, target)
				}
			}
		}
		if len(seen) < 25 {
			t.Errorf("%+v: only %d links: %v", row, len(seen), seen)
		}
	}
}

func TestHostileContentIsEscaped(t *testing.T) {
	t.Parallel()
	o := options()
	o.ShowBody = true
	p := filled(t, o)
	for _, path := range []string{
		"/", "/endpoints/ep-bad", "/events/" + hexID(1), "/events/" + hexID(3),
		"/endpoints/ep-bad?type=" + strings.ReplaceAll(strings.ReplaceAll(breakout, `"`, "%22"), " ", "%20"),
		"/events/%3Cscript%3Ehacked=1%3C%2Fscript%3E", "/%3Cscript%3Ehacked=1%3C%2Fscript%3E",
	} {
		_, body := get(p, path)
		for _, raw := range []string{"<script>", "<img src=x", `"'>`, "</td><script"} {
			if strings.Contains(body, raw) {
				t.Errorf("%s holds %q", path, raw)
			}
		}
	}
	if _, body := get(p, "/endpoints/ep-bad"); !strings.Contains(body, "&lt;img src=x onerror=&#34;hacked=1&#34;&gt;") {
		t.Error("the hostile type is not shown")
	}
}

// Pages show receivers' answers only if configured.
func TestBodies(t *testing.T) {
	t.Parallel()
	for _, show := range []bool{false, true} {
		o := options()
		o.ShowBody = show
		p := filled(t, o)
		for _, path := range []string{"/events/" + hexID(3), "/events/" + hexID(3) + "?format=json"} {
			if _, body := get(p, path); strings.Contains(body, "body of second") != show {
				t.Errorf("%s: want the body shown: %v", path, show)
			}
		}
		if _, body := get(p, "/endpoints/ep-bad"); strings.Contains(body, "body of") {
			t.Error("a list shows bodies")
		}
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	p := filled(t, options())
	for query, want := range map[string][]int{
		"":                                   {1, 2, 3, 4},
		"?type=" + ready:                     {2, 4},
		"?code=500":                          {4},
		"?code=none":                         {2},
		"?type=" + ready + "&code=500":       {4},
		"?type=" + failed + "&code=none":     {},
		"?type=nothing":                      {},
		"?code=<script>":                     {},
		"?type=" + ready + "&unknown=filter": {2, 4},
	} {
		_, body := get(p, "/endpoints/ep-bad"+query)
		for n := 1; n <= 4; n++ {
			wanted := false
			for _, w := range want {
				wanted = wanted || n == w
			}
			if shown := strings.Contains(body, `data-event="`+hexID(n)+`"`); shown != wanted {
				t.Errorf("%q: event %d is shown: %v", query, n, shown)
			}
		}
	}
}

func TestLongListOfFailures(t *testing.T) {
	t.Parallel()
	st := openState(t, policy())
	st.Do(func(a *ledger.Account) {
		a.List([]ledger.Found{{ID: "ep"}}, epoch, epoch)
		var events []event
		for i := range 120 {
			events = append(events, event{hexID(i), ready, epoch.Add(time.Duration(-i) * time.Minute), []ledger.Answer{answered(500, "x")}})
		}
		live(a, map[string][]event{"ep": events})
	})
	if err := st.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := New(st, options())
	for query, want := range map[string]int{"": 50, "?show=all": 120, "?code=500": 50, "?code=500&show=all": 120} {
		_, body := get(p, "/endpoints/ep"+query)
		if got := strings.Count(body, "data-event="); got != want || strings.Contains(body, "Show all") != (want == 50) {
			t.Errorf("%q: %d rows, want %d", query, got, want)
		}
	}
	if _, body := get(p, "/endpoints/ep?format=json"); strings.Count(body, `"event_id"`) != 120 {
		t.Error("the JSON does not have all events")
	}
}

func TestBrokenPage(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	o := options()
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	response, body := get(New(brokenState{}, o), "/")
	if response.StatusCode != 500 || strings.Contains(body, "s3cr3t") || !strings.Contains(body, "failed to render this page") {
		t.Errorf("%d %q", response.StatusCode, body)
	}
	if !strings.Contains(log.String(), "no view") || !strings.Contains(log.String(), "overview") {
		t.Errorf("log: %s", log.String())
	}
	for key, want := range SecurityHeaders() {
		if got := response.Header.Get(key); got != want {
			t.Errorf("%s is %q", key, got)
		}
	}
}

// fullDisk is a ledger whose last commit failed.
type fullDisk struct{ *state.State }

func (fullDisk) Failure() error { return errors.New("no space left on device\x1b[31m") }

func TestUnsavedState(t *testing.T) {
	t.Parallel()
	st := openState(t, policy())
	if _, body := get(New(st, options()), "/"); strings.Contains(body, "cannot be written") {
		t.Error("the page says that a working state cannot be written")
	}
	if _, body := get(New(fullDisk{st}, options()), "/"); !strings.Contains(body, `no space left on device\x1b[31m`) {
		t.Errorf("the page does not say that the state cannot be written: %s", body)
	}
}

// An alert's link leads to the section of its runbook.
func TestRunbooks(t *testing.T) {
	t.Parallel()
	response, body := get(filled(t, options()), "/runbooks")
	if response.StatusCode != 200 || strings.Contains(body, "refresh.js") {
		t.Errorf("%d", response.StatusCode)
	}
	rules, err := os.ReadFile("../../dashboards/rules/omegastream.rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	alerts := regexp.MustCompile(`(?m)^\s+- alert: (\w+)`).FindAllStringSubmatch(string(rules), -1)
	for _, alert := range alerts {
		// GitHub uses lower case in anchors.
		for _, id := range []string{alert[1], strings.ToLower(alert[1])} {
			if !strings.Contains(body, `id="`+id+`"`) {
				t.Errorf("no section #%s", id)
			}
		}
	}
	if len(alerts) < 10 {
		t.Errorf("%d alerts", len(alerts))
	}
	for _, match := range regexp.MustCompile(`href="(#[^"]*)"`).FindAllStringSubmatch(body, -1) {
		if !strings.Contains(body, `id="`+match[1][1:]+`"`) {
			t.Errorf("%q leads nowhere", match[1])
		}
	}
	if strings.Contains(body, `href="../`) || strings.Contains(body, ".md") && strings.Contains(body, `href="`+"operating.md") {
		t.Error("a link leads to a source file")
	}
}
