package bench

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
)

// jsonExporter builds json_exporter once, from a module that pins its version.
var jsonExporter = sync.OnceValues(func() (string, error) {
	path := filepath.Join(work, "json_exporter")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "github.com/prometheus-community/json_exporter")
	cmd.Dir = filepath.Join("..", "..", "..", "tools", "json_exporter")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build of json_exporter: %w\n%s", err, out)
	}
	return path, nil
})

// newestEvent asks json_exporter for the least it can read from a list of events: one value
// of one event.
const newestEvent = `modules:
  events:
    http_client_config: {authorization: {credentials: %s}}
    metrics:
      - name: webhook_newest_event_timestamp_seconds
        help: x
        path: '{ [0].created }'
`

func startJSONExporter(b *testing.B, srv *server) *process {
	b.Helper()
	binary, err := jsonExporter()
	if err != nil {
		b.Fatal(err)
	}
	config := filepath.Join(b.TempDir(), "config.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, newestEvent, simulator.DefaultKey), 0o600); err != nil {
		b.Fatal(err)
	}
	p := launch(b, exec.Command(binary, "--config.file="+config, "--web.listen-address=127.0.0.1:0"))
	p.path = "/probe?module=events&target=" + url.QueryEscape(srv.URL+"/client/webhooks/"+srv.Endpoints[0])
	return p
}

func startNaive(b *testing.B, srv *server) *process {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), naiveEnv+"="+srv.URL)
	return launch(b, cmd)
}

// peers are other ways to get these webhooks into Prometheus. Their answers have a line that
// begins with shows.
var peers = []struct {
	name  string
	start func(*testing.B, *server) *process
	shows string
	most  int // limit of events, beyond which a scrape takes minutes
}{
	{"json_exporter", startJSONExporter, "webhook_newest_event_timestamp_seconds ", 1_000_000},
	{"naive", startNaive, "webhook_deliveries{", 10_000},
}

// BenchmarkPeer scrapes an exporter that knows all events of one endpoint, and in turn
// another exporter of the same list. Both are separate processes, as people run them.
func BenchmarkPeer(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		srv := serve(b, scenario{Endpoints: 1, Events: n, Spacing: 2 * time.Second})
		path := learned(b, srv)
		for _, peer := range peers {
			if n > peer.most {
				continue
			}
			b.Run(fmt.Sprintf("events=%s/%s", thousands(n), peer.name), func(b *testing.B) {
				ours, theirs := startProcess(b, srv.URL, "file:"+path), peer.start(b, srv)
				scrape := func(p *process, shows string) func() {
					return func() {
						if text := p.metrics(); !bytes.Contains(text, []byte("\n"+shows)) {
							b.Fatalf("no %s in %.3000s", shows, text)
						}
					}
				}
				product, limit := scrape(ours, "omegastream_up 1\n"), scrape(theirs, peer.shows)
				product() // the full read after the start
				limit()
				versus(b, product, limit)
				b.ReportMetric(ours.peak()/1e6, "MB-peak")
				b.ReportMetric(theirs.peak()/1e6, "limit-MB-peak")
				ours.stop()
				theirs.stop()
			})
		}
	}
}
