package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"omegastream_exporter/client"
	"omegastream_exporter/collector"
	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/web"
)

// startDemoProgram runs the whole program on its simulated account.
func startDemoProgram(t *testing.T, args ...string) (base string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	stderr, status := new(logBuffer), make(chan int, 1)
	go func() {
		status <- run(ctx, append(args, "--demo", "--web.listen-address=127.0.0.1:0"), io.Discard, stderr, wired)
	}()
	t.Cleanup(func() {
		stop()
		if s := <-status; s != 0 {
			t.Errorf("status %d: %s", s, stderr)
		}
	})
	return "http://" + stderr.addresses(t, 1)[0]
}

var href = regexp.MustCompile(`(?:href|src|action)="([^"#]*)`)

// Every page of the demo is reached through a proxy that takes a path off, links
// to nothing else and shows no secret.
func TestPagesOfTheDemo(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, links, routes string
		args                []string
	}{
		{"plain", "", "", nil},
		{"external", "/proxy/omega", "/proxy/omega", []string{"--web.external-url=https://monitoring.example.com/proxy/omega/"}},
		{"taken off", "/proxy/omega", "", []string{"--web.external-url=https://monitoring.example.com/proxy/omega", "--web.route-prefix=/"}},
		{"prefix alone", "/inner", "/inner", []string{"--web.route-prefix=/inner/", "--web.telemetry-path=/m"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			base := startDemoProgram(t, append(row.args, "--api.rate-limit=0", "--web.show-response-body")...)
			get(base + row.routes + "/metrics") // the first sync
			visited := map[string]bool{}
			for deadline := time.Now().Add(20 * time.Second); countWith(visited, "/events/") < 5; {
				if time.Now().After(deadline) {
					t.Fatalf("no page of an event: %v", visited)
				}
				clear(visited)
				crawl(t, base, row.links, row.routes, row.links+"/", visited)
			}
			if countWith(visited, "/endpoints/") < 7 || countWith(visited, "/assets/") < 3 {
				t.Errorf("visited only %v", visited)
			}
			if row.routes == "" {
				return
			}
			response, _ := do(t, "GET", base+"/")
			if response.StatusCode != http.StatusFound || response.Header.Get("Location") != row.links+"/" {
				t.Errorf("/ leads to %d %q", response.StatusCode, response.Header.Get("Location"))
			}
			if response, _ := do(t, "GET", base+"/metrics"); response.StatusCode != http.StatusNotFound {
				t.Errorf("the metrics are outside of the prefix: %d", response.StatusCode)
			}
		})
	}
}

func countWith(visited map[string]bool, part string) (n int) {
	for path := range visited {
		if strings.Contains(path, part) {
			n++
		}
	}
	return n
}

// crawl follows the links of a page.
func crawl(t *testing.T, base, links, routes, path string, visited map[string]bool) {
	t.Helper()
	own, ok := strings.CutPrefix(path, links+"/")
	if !ok {
		t.Fatalf("a link to %s", path)
	}
	if visited[path] || len(visited) > 400 {
		return
	}
	visited[path] = true
	response, body := do(t, "GET", base+routes+"/"+own)
	if response.StatusCode != http.StatusOK {
		t.Errorf("%s: %d", path, response.StatusCode)
	}
	for _, secret := range []string{simulator.SecretMark, simulator.DefaultKey} {
		if i := strings.Index(body, secret); i >= 0 {
			t.Errorf("%s shows a secret: %s", path, body[max(0, i-100):i+len(secret)])
		}
	}
	if !strings.Contains(response.Header.Get("Content-Type"), "html") {
		return
	}
	for _, match := range href.FindAllStringSubmatch(body, -1) {
		if match[1] != "" { // an anchor
			crawl(t, base, links, routes, strings.ReplaceAll(match[1], "&amp;", "&"), visited)
		}
	}
}

func TestLinkPath(t *testing.T) {
	t.Parallel()
	for args, want := range map[string][2]string{
		"":                                   {"", ""},
		"--web.external-url=http://h":        {"", ""},
		"--web.external-url=http://h/":       {"", ""},
		"--web.external-url=http://h:1/a/b/": {"/a/b", "/a/b"},
		"--web.route-prefix=/":               {"", ""},
		"--web.route-prefix=/r":              {"/r", "/r"},
		"--web.external-url=https://h/a --web.route-prefix=/":   {"/a", ""},
		"--web.external-url=https://h/a --web.route-prefix=/r/": {"/a", "/r"},
	} {
		_, cfg, err := parse(append(strings.Fields(args), "--demo"), io.Discard, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]string{cfg.web.linkPath(), cfg.web.routePrefix}; got != want {
			t.Errorf("%q: links below %q, routes below %q, want %q", args, got[0], got[1], want)
		}
	}
}

func TestPageStatus(t *testing.T) {
	t.Parallel()
	at := time.Unix(1, 0)
	limits := client.Limits{Configured: 20, Current: 5}
	in := collector.Status{
		Syncing: true, Ended: at, Took: time.Second, Result: "partial", Requests: 9, Failed: 2,
		Troubles: []collector.Trouble{
			{Operation: client.OpListEvents, EndpointID: "ep", Err: errors.New("down"), Since: at},
			{Operation: "write_state", Err: errors.New("full"), Since: at},
			{Operation: client.OpListEndpoints, Err: errors.New("x"), Since: at},
			{Operation: client.OpGetEvent, Err: errors.New("y"), Since: at},
		},
	}
	want := web.Status{
		Syncing: true, Ended: at, Took: time.Second, Result: "partial", Requests: 9, Failed: 2, Limits: limits,
		Troubles: []web.Trouble{
			{What: "Reading the list of events", EndpointID: "ep", Error: "down", Since: at},
			{What: "Writing the state", Error: "full", Since: at},
			{What: "Listing the account's endpoints", Error: "x", Since: at},
			{What: "Fetching the details of events", Error: "y", Since: at},
		},
	}
	if diff := cmp.Diff(want, pageStatus(in, limits)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
