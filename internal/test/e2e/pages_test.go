package e2e

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"omegastream_exporter/internal/simulator"
)

var href = regexp.MustCompile(`(?:href|src|action)="([^"#]*)`)

// Behind a proxy that strips a path, every page of the demo is reachable, has no links
// elsewhere, and shows no secret.
func TestPagesOfTheDemo(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, links, routes, metrics string
		args                         []string
	}{
		{"plain", "", "", "/metrics", nil},
		{"external", "/proxy/omega", "/proxy/omega", "/metrics", []string{"--web.external-url=https://monitoring.example.com/proxy/omega/"}},
		{"stripped", "/proxy/omega", "", "/metrics", []string{"--web.external-url=https://monitoring.example.com/proxy/omega", "--web.route-prefix=/"}},
		{"prefix only", "/inner", "/inner", "/m", []string{"--web.route-prefix=/inner/", "--web.telemetry-path=/m"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p := setup{args: append(row.args, "--demo", "--api.rate-limit=0", "--web.show-response-body")}.serve(t)
			base := p.url()
			do(t, base+row.routes+row.metrics) // makes the first sync
			var visited map[string]bool
			eventually(t, func() error {
				visited = crawl(t, base, row.links, row.routes)
				if endpoints, events := countWith(visited, "/endpoints/"), countWith(visited, "/events/"); endpoints < 7 || events < 5 {
					return fmt.Errorf("pages of %d endpoints and %d events in %v", endpoints, events, visited)
				}
				return nil
			})
			if countWith(visited, "/assets/") < 3 {
				t.Errorf("visited only %v", visited)
			}
			if row.routes == "" {
				return
			}
			response, _ := do(t, base+"/")
			if response.StatusCode != http.StatusFound || response.Header.Get("Location") != row.links+"/" {
				t.Errorf("/ leads to %d %q", response.StatusCode, response.Header.Get("Location"))
			}
			if response, _ := do(t, base+"/metrics"); response.StatusCode != http.StatusNotFound {
				t.Errorf("the metrics are outside the prefix: %d", response.StatusCode)
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

// crawl follows the links from the first page, and returns the paths that it requested. A few
// pages stand for those of all events, and a few parts for all of a list: the demo makes
// events faster than a slow machine reads them.
func crawl(t *testing.T, base, links, routes string) map[string]bool {
	t.Helper()
	const most = 20
	visited, alike := map[string]bool{}, map[string]int{}
	for queue := []string{links + "/"}; len(queue) > 0; queue = queue[1:] {
		path := queue[0]
		kind, _, _ := strings.Cut(path, "?")
		if strings.Contains(kind, "/events/") {
			kind = "event"
		}
		if visited[path] || alike[kind] == most {
			continue
		}
		alike[kind]++
		own, ok := strings.CutPrefix(path, links+"/")
		if !ok {
			t.Fatalf("a link to %s", path)
		}
		visited[path] = true
		response, body := do(t, base+routes+"/"+own)
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
		for _, secret := range []string{simulator.SecretMark, simulator.DefaultKey} {
			if i := strings.Index(body, secret); i >= 0 {
				t.Errorf("%s shows a secret: %s", path, body[max(0, i-100):i+len(secret)])
			}
		}
		if !strings.Contains(response.Header.Get("Content-Type"), "html") {
			continue
		}
		for _, match := range href.FindAllStringSubmatch(body, -1) {
			if match[1] != "" { // not an anchor
				queue = append(queue, strings.ReplaceAll(match[1], "&amp;", "&"))
			}
		}
	}
	return visited
}

// do requests a page on a new connection, without following redirects.
func do(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}
