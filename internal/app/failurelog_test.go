package app

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/internal/config"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/test/logs"
)

// pipe is a stderr that can block.
type pipe struct {
	logs.Buffer
	blocked chan struct{} // if not nil, writes block until it is closed
}

func (p *pipe) Write(b []byte) (int, error) {
	if p.blocked != nil {
		<-p.blocked
	}
	return p.Buffer.Write(b)
}

func (p *pipe) count(text string) int { return strings.Count(p.String(), text) }

func failedDeliveries(n int) []ledger.FailedDelivery {
	all := make([]ledger.FailedDelivery, n)
	for i := range all {
		all[i] = ledger.FailedDelivery{EndpointID: "ep", EventID: fmt.Sprint("event-", i), Type: "t", Code: 500}
	}
	return all
}

// where matches what differs from run to run.
var where = regexp.MustCompile(` (caller|time)=\S+`)

func TestFailureLines(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{
		"logfmt": `level=warn msg="Delivery failed" endpoint_id=ep host=h.example.com event_id="a/b \"c" event_type=video.deleted ` +
			`status_code=503 video_uuid=u-1 created=2026-03-01T12:30:00Z url=https://example.com/hooks/events/a%2Fb%20%22c` + "\n" +
			`level=warn msg="Delivery failed" endpoint_id=ep host=h.example.com event_id=2 event_type=video.deleted ` +
			`reason=tls video_uuid= created=2026-03-01T12:30:00Z url=https://example.com/hooks/events/2` + "\n",
		"json": `"endpoint_id":"ep","event_id":"a/b \"c","event_type":"video.deleted","host":"h.example.com","level":"warn","msg":"Delivery failed","status_code":503,`,
	} {
		var out bytes.Buffer
		f := newFailureLog(NewLogger(&out, config.Log{Level: "info", Format: format}), "https://example.com/hooks")
		f.report([]ledger.FailedDelivery{
			{EndpointID: "ep", Host: "h.example.com", EventID: `a/b "c`, Type: "video.deleted", Created: 1772368200, Code: 503, Video: ledger.Video{ID: "v-1", UUID: "u-1"}, Message: "never logged"},
			{EndpointID: "ep", Host: "h.example.com", EventID: "2", Type: "video.deleted", Created: 1772368200, Reason: ledger.ReasonTLS},
		})
		var got strings.Builder
		for line := range strings.Lines(out.String()) {
			got.WriteString(where.ReplaceAllString(line, ""))
		}
		if !strings.Contains(got.String(), want) || strings.Contains(got.String(), "never logged") {
			t.Errorf("%s\nwant %s", got.String(), want)
		}
	}
}

// The exporter logs at most 100 failed deliveries a second, and counts the rest.
func TestFailureLinesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out pipe
		f := newFailureLog(NewLogger(&out, config.Log{Level: "info"}), "")
		for range 5 {
			f.report(failedDeliveries(50))
		}
		if n := out.count("Delivery failed"); n != 100 {
			t.Errorf("%d lines at once", n)
		}
		time.Sleep(1100 * time.Millisecond)
		if out.count("count=150\n") != 1 {
			t.Errorf("the rest is not logged:\n%s", out.String())
		}
		f.report(failedDeliveries(150))
		if n := out.count("Delivery failed"); n != 200 {
			t.Errorf("%d lines after a second", n)
		}
		f.close()
		if out.count("count=50\n") != 1 || out.count("More deliveries") != 2 {
			t.Errorf("the rest is not logged at the end:\n%s", out.String())
		}
	})
}

// A blocked stderr delays one commit by a second, and no later ones.
func TestFailureLinesWithBlockedStderr(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := pipe{blocked: make(chan struct{})}
		f := newFailureLog(NewLogger(&out, config.Log{Level: "info"}), "")
		began := time.Now()
		f.report(failedDeliveries(3))
		if took := time.Since(began); took != stderrWait {
			t.Errorf("it delayed the commit by %s", took)
		}
		for range 10 {
			f.report(failedDeliveries(4))
		}
		if took := time.Since(began); took != stderrWait {
			t.Errorf("it delayed later commits by %s", took)
		}
		close(out.blocked)
		time.Sleep(3 * time.Second)
		if out.count("Delivery failed") != 3 || out.count("count=40\n") != 1 {
			t.Errorf("after stderr accepted lines again:\n%s", out.String())
		}
	})
}

// BenchmarkFailureLine measures the cost of a line, and the share of a core for 50 lines a
// second.
func BenchmarkFailureLine(b *testing.B) {
	out, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	f := newFailureLog(NewLogger(out, config.Log{Level: "info"}), "https://example.com/hooks")
	d := failedDeliveries(1)[0]
	for b.Loop() {
		f.write(&d)
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)*50*100, "%-of-a-core")
}
