package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"omegastream_exporter/internal/web"
)

// listenLocal takes a port for the time of a test.
func listenLocal(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// logBuffer collects what a running program writes to stderr.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// addresses waits until n ports are open.
func (b *logBuffer) addresses(t *testing.T, n int) []string {
	t.Helper()
	for range 500 {
		if found := listening.FindAllStringSubmatch(b.String(), -1); len(found) >= n {
			var addresses []string
			for _, match := range found {
				addresses = append(addresses, match[1])
			}
			return addresses
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("does not listen: %s", b.String())
	return nil
}

// instance is a program that serves within the test.
type instance struct {
	addresses []string
	stderr    *logBuffer
	stop      context.CancelFunc // what a signal does
	status    chan int
	closed    *atomic.Int32 // how often the application was closed
}

// serving returns a whole application around its metrics handler.
func serving(metrics http.HandlerFunc) *application {
	return &application{
		metrics: metrics,
		pages: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/" {
				http.Error(w, "no such page", http.StatusNotFound)
				return
			}
			_, _ = io.WriteString(w, "the pages")
		}),
		ready: func() (bool, string) { return true, "" },
		close: func(context.Context) error { return nil },
	}
}

// start runs the demo on one port, or on the addresses in args.
func start(t *testing.T, app *application, args ...string) *instance {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	i := &instance{stderr: new(logBuffer), stop: stop, status: make(chan int, 1), closed: new(atomic.Int32)}
	ports := strings.Count(strings.Join(args, " "), "--web.listen-address")
	if ports == 0 {
		ports, args = 1, append(args, "--web.listen-address=127.0.0.1:0")
	}
	counted := *app
	counted.close = func(ctx context.Context) error {
		i.closed.Add(1)
		return app.close(ctx)
	}
	w := wiring{build: func(context.Context, config, *slog.Logger) (*application, error) { return &counted, nil }}
	go func() { i.status <- run(ctx, append(args, "--demo"), io.Discard, i.stderr, w) }()
	i.addresses = i.stderr.addresses(t, ports)
	return i
}

// end waits for the exit status.
func (i *instance) end(t *testing.T) int {
	t.Helper()
	i.stop()
	select {
	case status := <-i.status:
		if n := i.closed.Load(); n != 1 {
			t.Errorf("application closed %d times", n)
		}
		return status
	case <-time.After(10 * time.Second):
		t.Fatalf("still running after 10 s: %s", i.stderr)
		return -1
	}
}

// do sends a request on a connection of its own.
func do(t *testing.T, method, url string, edit ...func(*http.Request)) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	for _, e := range edit {
		e(request)
	}
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

// get returns the body, empty when there was no answer.
func get(url string) string {
	response, err := http.Get(url)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return string(body)
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	var ready atomic.Bool
	app := serving(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") })
	app.ready = func() (bool, string) { return ready.Load(), "the state is loading" }
	i := start(t, app, "--web.telemetry-path=/m/etrics")
	base := "http://" + i.addresses[0]

	for _, row := range []struct {
		method, path string
		ready        bool
		status       int
		body         string
	}{
		{"GET", "/m/etrics", true, 200, "up 1\n"},
		{"HEAD", "/m/etrics", true, 200, ""},
		{"POST", "/m/etrics", true, 405, "Method Not Allowed"},
		{"GET", "/metrics", true, 404, "no such page"},
		{"GET", "/m/etrics/x", true, 404, "no such page"},
		{"GET", "/", true, 200, "the pages"},
		{"DELETE", "/", true, 405, ""},
		{"GET", "/nothing", true, 404, "no such page"},
		{"GET", "/-/healthy", false, 200, program + " is healthy.\n"},
		{"PUT", "/-/healthy", false, 405, ""},
		{"GET", "/-/ready", false, 503, program + " is not ready: the state is loading\n"},
		{"GET", "/-/ready", true, 200, program + " is ready.\n"},
		{"GET", "/debug/pprof/", true, 404, "no such page"},
		{"GET", "/debug/pprof/cmdline", true, 404, "no such page"},
	} {
		ready.Store(row.ready)
		response, body := do(t, row.method, base+row.path)
		if response.StatusCode != row.status || !strings.Contains(body, row.body) {
			t.Errorf("%s %s: %d %q, want %d %q", row.method, row.path, response.StatusCode, body, row.status, row.body)
		}
		for key, want := range web.SecurityHeaders() {
			if got := response.Header.Get(key); got != want {
				t.Errorf("%s %s: %s %q, want %q", row.method, row.path, key, got, want)
			}
		}
	}
	if status := i.end(t); status != 0 {
		t.Errorf("status %d: %s", status, i.stderr)
	}
}

func TestPprofOnRequest(t *testing.T) {
	t.Parallel()
	i := start(t, serving(http.NotFound), "--web.enable-pprof")
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=1"} {
		if response, _ := do(t, "GET", "http://"+i.addresses[0]+path); response.StatusCode != 200 {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
	}
	i.end(t)
}

// Every listener asks for the password, exactly once.
func TestWebConfigOnEveryListener(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "web.yml")
	const content = `
basic_auth_users:
  user: $2b$04$abcdefghijklmnopqrstuuoD8yw7MmybLKVooaTGGZAt3HXugv2.a # test
http_server_config:
  headers:
    X-Frame-Options: sameorigin
`
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	i := start(t, serving(func(http.ResponseWriter, *http.Request) {}),
		"--web.config.file="+file, "--web.listen-address=127.0.0.1:0", "--web.listen-address=127.0.0.1:0")
	for _, address := range i.addresses {
		if response, _ := do(t, "GET", "http://"+address+"/metrics"); response.StatusCode != 401 {
			t.Errorf("without password: %d", response.StatusCode)
		}
		response, _ := do(t, "GET", "http://"+address+"/metrics", func(r *http.Request) { r.SetBasicAuth("user", "test") })
		if response.StatusCode != 200 {
			t.Errorf("with password: %d", response.StatusCode)
		}
		if got := response.Header.Values("X-Frame-Options"); len(got) != 1 || got[0] != "sameorigin" {
			t.Errorf("X-Frame-Options %q, the file's must win", got)
		}
	}
	if status := i.end(t); status != 0 {
		t.Errorf("status %d: %s", status, i.stderr)
	}
}

func TestDrainLetsAScrapeFinish(t *testing.T) {
	t.Parallel()
	began, release := make(chan struct{}), make(chan struct{})
	i := start(t, serving(func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-release
		if r.Context().Err() == nil {
			_, _ = io.WriteString(w, "complete")
		}
	}))
	answer := make(chan string, 1)
	go func() { answer <- get("http://" + i.addresses[0] + "/metrics") }()
	<-began
	i.stop()
	for !strings.Contains(i.stderr.String(), "Stopping") {
		time.Sleep(time.Millisecond)
	}
	if i.closed.Load() != 0 {
		t.Error("closed under a running scrape")
	}
	close(release)
	if got := <-answer; got != "complete" {
		t.Errorf("answer %q", got)
	}
	if status := i.end(t); status != 0 {
		t.Errorf("status %d: %s", status, i.stderr)
	}
}

// A scrape that takes too long is told to answer with what it has; one that does
// not listen is cut off. Neither keeps the program from ending in time with 0.
func TestDrainEndsInTime(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		wait func(ctx context.Context, end <-chan struct{})
		want string
	}{
		"listens to its context": {func(ctx context.Context, _ <-chan struct{}) { <-ctx.Done() }, "what there is"},
		"does not listen":        {func(_ context.Context, end <-chan struct{}) { <-end }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began, end := make(chan struct{}), make(chan struct{})
			defer close(end)
			i := start(t, serving(func(w http.ResponseWriter, r *http.Request) {
				close(began)
				row.wait(r.Context(), end)
				_, _ = io.WriteString(w, "what there is")
			}))
			answer := make(chan string, 1)
			go func() { answer <- get("http://" + i.addresses[0] + "/metrics") }()
			<-began
			if status := i.end(t); status != 0 {
				t.Errorf("status %d: %s", status, i.stderr)
			}
			if got := <-answer; got != row.want {
				t.Errorf("answer %q, want %q", got, row.want)
			}
		})
	}
}

func TestCloseFails(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		close func(context.Context) error
		want  string
	}{
		"with an error":        {func(context.Context) error { return errors.New("disk full") }, program + ": closing: disk full\n"},
		"by taking too long":   {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, program + ": closing: context deadline exceeded\n"},
		"by ignoring its time": {func(context.Context) error { time.Sleep(closeGrace + time.Second); return nil }, program + ": closing: context deadline exceeded\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := serving(http.NotFound)
			app.close = row.close
			i := start(t, app)
			if status := i.end(t); status != 1 || !strings.HasSuffix(i.stderr.String(), row.want) {
				t.Errorf("status %d: %s", status, i.stderr)
			}
		})
	}
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	t.Run("port taken", func(t *testing.T) {
		t.Parallel()
		var stderr bytes.Buffer
		args := []string{"--demo", "--web.listen-address=" + listenLocal(t).Addr().String()}
		w := wiring{build: func(context.Context, config, *slog.Logger) (*application, error) {
			t.Error("built without a port")
			return nil, errors.New("unreachable")
		}}
		if status := run(t.Context(), args, io.Discard, &stderr, w); status != 1 {
			t.Errorf("status %d", status)
		}
		if got := stderr.String(); !strings.HasPrefix(got, program+": --web.listen-address: ") || strings.Count(got, "\n") != 1 {
			t.Errorf("stderr %q", got)
		}
	})
	t.Run("build", func(t *testing.T) {
		t.Parallel()
		var stderr bytes.Buffer
		w := wiring{build: func(context.Context, config, *slog.Logger) (*application, error) {
			return nil, errors.New("--state.url: locked by another process")
		}}
		if status := run(t.Context(), []string{"--demo", "--web.listen-address=127.0.0.1:0"}, io.Discard, &stderr, w); status != 1 {
			t.Errorf("status %d", status)
		}
		if got, want := stderr.String(), program+": --state.url: locked by another process\n"; got != want {
			t.Errorf("stderr %q, want %q", got, want)
		}
	})
	t.Run("stopped while building", func(t *testing.T) {
		t.Parallel()
		ctx, stop := context.WithCancel(t.Context())
		w := wiring{build: func(ctx context.Context, _ config, _ *slog.Logger) (*application, error) {
			stop()
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		if status := run(ctx, []string{"--demo", "--web.listen-address=127.0.0.1:0"}, io.Discard, io.Discard, w); status != 0 {
			t.Errorf("status %d", status)
		}
	})
}

// A listener that breaks ends the program like a signal, but with an error.
func TestListenerBreaks(t *testing.T) {
	t.Parallel()
	_, cfg, err := parse([]string{"--demo"}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	l := listenLocal(t)
	l.Close()
	err = serve(t.Context(), []net.Listener{l}, serving(http.NotFound), cfg.web, slog.New(slog.DiscardHandler))
	if !errors.Is(err, net.ErrClosed) {
		t.Errorf("error %v", err)
	}
}

func TestNothingIsLeftRunning(t *testing.T) { //nolint:paralleltest // It looks at all goroutines.
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	i := start(t, serving(func(http.ResponseWriter, *http.Request) {}))
	do(t, "GET", "http://"+i.addresses[0]+"/metrics")
	if status := i.end(t); status != 0 {
		t.Errorf("status %d: %s", status, i.stderr)
	}
}

func TestSignals(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// testscript puts the program on the PATH of the test.
			cmd := exec.CommandContext(t.Context(), program, "--demo", "--log.level=debug", "--web.listen-address=127.0.0.1:0")
			cmd.Env = append(os.Environ(), envKey+"=s3cret")
			stderr := new(logBuffer)
			cmd.Stderr = stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			address := stderr.addresses(t, 1)[0]
			if response, body := do(t, "GET", "http://"+address+"/metrics"); response.StatusCode != 200 || !strings.Contains(body, program+"_build_info") {
				t.Errorf("%d %s", response.StatusCode, body)
			}
			began := time.Now()
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v: %s", err, stderr)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("took %s", took)
			}
			if strings.Contains(stderr.String(), "s3cret") {
				t.Errorf("shows the key: %s", stderr)
			}
		})
	}
}

// The second signal does not wait for the drain that the first one began.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), stuckProgram, "--demo", "--web.listen-address=127.0.0.1:0")
	stderr := new(logBuffer)
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stderr.addresses(t, 1)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); !strings.Contains(stderr.String(), "closing now"); {
		if time.Now().After(deadline) {
			t.Fatalf("does not stop: %s", stderr)
		}
		time.Sleep(time.Millisecond)
	}
	began := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGTERM {
		t.Errorf("%v: %s", err, stderr)
	}
	if took := time.Since(began); took > closeGrace/2 {
		t.Errorf("took %s", took)
	}
}
