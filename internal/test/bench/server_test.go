package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
)

// serverEnv is the scenario. If it is set, this binary runs the API.
const serverEnv = "OMEGASTREAM_BENCH_SERVER"

func itoa(n int) string { return strconv.Itoa(n) }

// scenario is an account that a separate process serves.
type scenario struct {
	Endpoints int
	Events    int           // of each endpoint
	Spacing   time.Duration // between events
	TLS, H2   bool
	Gzip      bool
	Delay     time.Duration // of details
	Refuse    bool          // 401 to everything
	Failing   bool          // one in ten events has failed, with one of two codes
}

// server is a served scenario, seen by its clients.
type server struct {
	URL       string
	Endpoints []string
	control   string
	cmd       *exec.Cmd
	stdin     io.Closer
}

// traffic is what a server has sent and received since its start.
type traffic struct {
	Dials    int64
	Sent     int64 // bytes to the client
	Requests int64
}

func (t traffic) since(o traffic) traffic {
	return traffic{t.Dials - o.Dials, t.Sent - o.Sent, t.Requests - o.Requests}
}

var servers struct {
	sync.Mutex
	running map[scenario]*server
}

// serve returns the server of a scenario. It runs until the next scenario or the end, so that
// its memory is free before another large one starts.
func serve(tb testing.TB, s scenario) *server {
	tb.Helper()
	servers.Lock()
	running := servers.running[s]
	servers.Unlock()
	if running != nil {
		return running
	}
	stopServers()
	started, err := startServer(s)
	if err != nil {
		tb.Fatal(err)
	}
	servers.Lock()
	defer servers.Unlock()
	servers.running = map[scenario]*server{s: started}
	return started
}

func stopServers() {
	servers.Lock()
	defer servers.Unlock()
	for _, s := range servers.running {
		_ = s.stdin.Close()
		_ = s.cmd.Wait()
	}
	servers.running = nil
}

func startServer(s scenario) (*server, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	srv := &server{cmd: cmd, stdin: stdin}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &struct {
			*server
			Control *string
		}{srv, &srv.control})
	}
	if err != nil {
		return nil, fmt.Errorf("the server did not start: %w", err)
	}
	return srv, nil
}

// traffic returns the server's traffic.
func (s *server) traffic(tb testing.TB) (t traffic) {
	tb.Helper()
	if err := json.Unmarshal(s.ask(tb, "/traffic"), &t); err != nil {
		tb.Fatal(err)
	}
	return t
}

// busiest returns the most requests in any second since the last call.
func (s *server) busiest(tb testing.TB) (requests float64) {
	tb.Helper()
	if err := json.Unmarshal(s.ask(tb, "/busiest"), &requests); err != nil {
		tb.Fatal(err)
	}
	return requests
}

// emit adds n events to an endpoint, a millisecond apart.
func (s *server) emit(tb testing.TB, endpoint string, n int) {
	tb.Helper()
	s.ask(tb, fmt.Sprintf("/emit?endpoint=%s&n=%d", endpoint, n))
}

func (s *server) ask(tb testing.TB, path string) []byte {
	tb.Helper()
	resp, err := http.Get(s.control + path)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		tb.Fatal(resp.Status, err, string(body))
	}
	return body
}

// serveScenario runs the server process, until its standard input ends.
func serveScenario(text string) error {
	var s scenario
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	account := simulator.New(simulator.Options{Seed: 1})
	account.SetGzip(s.Gzip)
	var endpoints []string
	for range s.Endpoints {
		id := account.AddEndpoint(simulator.Endpoint{
			Active: true, Events: simulator.EventTypes[:2], CreatedAt: time.Now().Add(-30 * 24 * time.Hour),
		})
		account.Bulk(id, s.Events, s.Spacing, s.answers()...)
		endpoints = append(endpoints, id)
	}
	if s.Delay > 0 {
		account.AddFault(simulator.Fault{Operation: simulator.GetEvent, Do: simulator.Delay(s.Delay)})
	}
	if s.Refuse {
		account.AddFault(simulator.Fault{Do: simulator.Status(http.StatusUnauthorized, "")})
	}
	var seen counted
	api := seen.server(account)
	api.EnableHTTP2 = s.H2
	if s.TLS || s.H2 {
		api.StartTLS()
	} else {
		api.Start()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/traffic", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(seen.traffic())
	})
	mux.HandleFunc("/busiest", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(account.Calls().MaxPerSecond)
		account.ResetCalls()
	})
	mux.HandleFunc("/emit", func(_ http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.FormValue("n"))
		account.Bulk(r.FormValue("endpoint"), n, time.Millisecond)
	})
	mux.HandleFunc("/failures", func(w http.ResponseWriter, _ *http.Request) {
		if err := writeFailures(w, account); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	control := httptest.NewServer(mux)
	err := json.NewEncoder(os.Stdout).Encode(map[string]any{
		"URL": api.URL + simulator.BasePath, "Endpoints": endpoints, "Control": control.URL,
	})
	_, _ = io.Copy(io.Discard, os.Stdin)
	return err
}
