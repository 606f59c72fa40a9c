package bench

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/gobuild"
)

// exporter builds the exporter once.
var exporter = sync.OnceValues(func() (string, error) {
	path := filepath.Join(work, "omegastream_exporter")
	return path, gobuild.Exporter(path)
})

// process is a running exporter.
type process struct {
	tb      testing.TB
	cmd     *exec.Cmd
	url     string
	path    string        // of the metrics
	timeout time.Duration // of scrapes
	log     *lineBuffer
	done    chan struct{}
}

// lineBuffer holds a log, and finds the address in it.
type lineBuffer struct {
	mu      sync.Mutex
	text    bytes.Buffer
	serving chan string
}

var listeningOn = regexp.MustCompile(`Listening on" address=([0-9.:]+)`)

func (l *lineBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	if found := listeningOn.FindSubmatch(l.text.Bytes()); found != nil {
		select {
		case l.serving <- string(found[1]):
		default:
		}
	}
	return len(p), nil
}

// startProcess starts the exporter with a state file, and waits until it listens.
func startProcess(tb testing.TB, apiURL, state string, args ...string) *process {
	tb.Helper()
	binary, err := exporter()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(binary, append([]string{
		"--web.listen-address=127.0.0.1:0", "--api.url=" + apiURL, "--state.url=" + state, "--api.rate-limit=0",
		"--collector.min-interval=0s", "--collector.hold-new-series=0s", "--api.timeout=" + patience.String(),
	}, args...)...)
	cmd.Env = append(os.Environ(), "OMEGASTREAM_API_KEY="+simulator.DefaultKey)
	return launch(tb, cmd)
}

// launch starts a program that serves metrics, and waits until it listens.
func launch(tb testing.TB, cmd *exec.Cmd) *process {
	tb.Helper()
	p := &process{tb: tb, cmd: cmd, path: "/metrics", timeout: 2 * time.Minute, log: &lineBuffer{serving: make(chan string, 1)}, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	select {
	case address := <-p.log.serving:
		p.url = "http://" + address
	case <-p.done:
		tb.Fatalf("it ended: %s", p.log.text.String())
	case <-time.After(time.Minute):
		p.stop()
		tb.Fatal("the program does not listen")
	}
	return p
}

// metrics scrapes the process.
func (p *process) metrics() []byte { return p.get(p.path) }

// get requests a path.
func (p *process) get(path string) []byte {
	body, err := p.ask(path)
	if err != nil {
		p.tb.Fatal(err)
	}
	return body
}

// ask requests a path from a process that can be gone.
func (p *process) ask(path string) ([]byte, error) {
	req, err := http.NewRequest(http.MethodGet, p.url+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", fmt.Sprint(p.timeout.Seconds()))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// value returns a value in a scrape: of a series without labels, or of the first one with
// labels.
func value(scrape []byte, name string) float64 {
	found := regexp.MustCompile(`(?m)^` + name + `(?:\{[^}]*\})? (\S+)$`).FindSubmatch(scrape)
	if found == nil {
		return -1
	}
	v, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		return -1
	}
	return v
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peak returns the highest memory use so far, in bytes. The kernel's figure at the end of a
// process would include that of the process that started it.
func (p *process) peak() float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.tb.Fatal(err)
	}
	found := highWater.FindSubmatch(status)
	if found == nil {
		p.tb.Fatalf("no VmHWM in %s", status)
	}
	kb, _ := strconv.ParseFloat(string(found[1]), 64)
	return kb * 1024
}

// stop ends the process, and returns the CPU time that it used.
func (p *process) stop() time.Duration {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	<-p.done
	http.DefaultClient.CloseIdleConnections()
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}
