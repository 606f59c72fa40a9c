package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"omegastream_exporter/internal/config"
	"omegastream_exporter/internal/test/logs"
	"omegastream_exporter/internal/web"
)

// listenLocal takes a port for the duration of a test.
func listenLocal(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// logBuffer holds the log of a server.
type logBuffer struct{ logs.Buffer }

var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// addresses waits until n ports are open.
func (b *logBuffer) addresses(t *testing.T, n int) []string {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if found := listening.FindAllStringSubmatch(b.String(), -1); len(found) >= n {
			var addresses []string
			for _, match := range found {
				addresses = append(addresses, match[1])
			}
			return addresses
		}
	}
	t.Fatalf("the server does not listen: %s", b.String())
	return nil
}

// instance is a running server.
type instance struct {
	addresses []string
	log       *logBuffer
	stop      context.CancelFunc // like a signal
	ended     chan error
	closed    *atomic.Int32 // how often the application was closed
}

// serving returns an application with a metrics handler.
func serving(metrics http.HandlerFunc) *Application {
	return &Application{
		Metrics: metrics,
		Pages: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/" {
				http.Error(w, "no such page", http.StatusNotFound)
				return
			}
			_, _ = io.WriteString(w, "the pages")
		}),
		Close: func(context.Context) error { return nil },
	}
}

// settings are parsed from flags.
func settings(t *testing.T, args ...string) config.Web {
	t.Helper()
	_, cfg, err := config.Parse(append(args, "--demo"), io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Web
}

// start serves on one port, or on the addresses in args.
func start(t *testing.T, app *Application, args ...string) *instance {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	i := &instance{log: new(logBuffer), stop: stop, ended: make(chan error, 1), closed: new(atomic.Int32)}
	ports := strings.Count(strings.Join(args, " "), "--web.listen-address")
	if ports == 0 {
		ports, args = 1, append(args, "--web.listen-address=127.0.0.1:0")
	}
	counted := *app
	counted.Close = func(ctx context.Context) error {
		i.closed.Add(1)
		return app.Close(ctx)
	}
	build := func(context.Context) (*Application, error) { return &counted, nil }
	c := settings(t, args...)
	go func() {
		i.ended <- Run(ctx, c, slog.New(slog.NewTextHandler(i.log, &slog.HandlerOptions{Level: slog.LevelDebug})), build)
	}()
	i.addresses = i.log.addresses(t, ports)
	return i
}

// end stops the server, and returns its error.
func (i *instance) end(t *testing.T) error {
	t.Helper()
	i.stop()
	select {
	case err := <-i.ended:
		if n := i.closed.Load(); n != 1 {
			t.Errorf("application closed %d times", n)
		}
		return err
	case <-time.After(time.Minute):
		t.Fatalf("still running: %s", i.log)
		return nil
	}
}

// do sends a request on a new connection.
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

// get returns the body; empty without an answer.
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
	app := serving(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") })
	i := start(t, app, "--web.telemetry-path=/m/etrics")
	base := "http://" + i.addresses[0]

	for _, row := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/m/etrics", 200, "up 1\n"},
		{"HEAD", "/m/etrics", 200, ""},
		{"POST", "/m/etrics", 405, "Method Not Allowed"},
		{"GET", "/metrics", 404, "no such page"},
		{"GET", "/m/etrics/x", 404, "no such page"},
		{"GET", "/", 200, "the pages"},
		{"DELETE", "/", 405, ""},
		{"GET", "/nothing", 404, "no such page"},
		{"GET", "/-/healthy", 200, config.Program + " is healthy.\n"},
		{"PUT", "/-/healthy", 405, ""},
		{"GET", "/-/ready", 200, config.Program + " is ready.\n"},
		{"GET", "/debug/pprof/", 404, "no such page"},
		{"GET", "/debug/pprof/cmdline", 404, "no such page"},
	} {
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
	if err := i.end(t); err != nil {
		t.Errorf("%v: %s", err, i.log)
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

// Every listener asks for the password exactly once.
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
	if err := i.end(t); err != nil {
		t.Errorf("%v: %s", err, i.log)
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
	for !strings.Contains(i.log.String(), "Stopping") {
		time.Sleep(time.Millisecond)
	}
	if i.closed.Load() != 0 {
		t.Error("closed during a scrape")
	}
	close(release)
	if got := <-answer; got != "complete" {
		t.Errorf("answer %q", got)
	}
	if err := i.end(t); err != nil {
		t.Errorf("%v: %s", err, i.log)
	}
}

// A draining server cancels the context of a scrape, which then answers with what it has. One
// that ignores its context is cut off. In either case the program ends in time, with status
// 0.
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
			if err := i.end(t); err != nil {
				t.Errorf("%v: %s", err, i.log)
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
		"with an error":        {func(context.Context) error { return errors.New("disk full") }, "closing: disk full"},
		"by taking too long":   {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, "closing: context deadline exceeded"},
		"by ignoring its time": {func(context.Context) error { time.Sleep(closeGrace + 2*leaveGrace); return nil }, "closing: context deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := serving(http.NotFound)
			app.Close = row.close
			i := start(t, app)
			if err := i.end(t); err == nil || err.Error() != row.want {
				t.Errorf("%v, want %s", err, row.want)
			}
		})
	}
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	t.Run("port taken", func(t *testing.T) {
		t.Parallel()
		c := settings(t, "--web.listen-address="+listenLocal(t).Addr().String())
		err := Run(t.Context(), c, log, func(context.Context) (*Application, error) {
			t.Error("built without a port")
			return nil, errors.New("unreachable")
		})
		if err == nil || !strings.HasPrefix(err.Error(), "--web.listen-address: ") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("build", func(t *testing.T) {
		t.Parallel()
		locked := errors.New("--state.url: locked by another process")
		err := Run(t.Context(), settings(t, "--web.listen-address=127.0.0.1:0"), log, func(context.Context) (*Application, error) {
			return nil, locked
		})
		if !errors.Is(err, locked) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("stopped while building", func(t *testing.T) {
		t.Parallel()
		ctx, stop := context.WithCancel(t.Context())
		err := Run(ctx, settings(t, "--web.listen-address=127.0.0.1:0"), log, func(ctx context.Context) (*Application, error) {
			stop()
			<-ctx.Done()
			return nil, ctx.Err()
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// A broken listener ends the program like a signal, but with an error.
func TestListenerBreaks(t *testing.T) {
	t.Parallel()
	l := listenLocal(t)
	l.Close()
	err := serve(t.Context(), []net.Listener{l}, serving(http.NotFound), settings(t), slog.New(slog.DiscardHandler))
	if !errors.Is(err, net.ErrClosed) {
		t.Errorf("error %v", err)
	}
}

func TestNothingIsLeftRunning(t *testing.T) { //nolint:paralleltest // It looks at all goroutines.
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	i := start(t, serving(func(http.ResponseWriter, *http.Request) {}))
	do(t, "GET", "http://"+i.addresses[0]+"/metrics")
	if err := i.end(t); err != nil {
		t.Errorf("%v: %s", err, i.log)
	}
}
