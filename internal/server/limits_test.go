package server

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// dial opens a connection, and writes to it.
func dial(t *testing.T, address, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

// A request whose body never arrives is answered, and its connection is closed soon, even if
// exporter-toolkit answers because the password is missing.
func TestBodyThatNeverComes(t *testing.T) {
	t.Parallel()
	web := filepath.Join(t.TempDir(), "web.yml")
	const users = "basic_auth_users:\n  user: $2b$04$abcdefghijklmnopqrstuuoD8yw7MmybLKVooaTGGZAt3HXugv2.a # test\n"
	if err := os.WriteFile(web, []byte(users), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		args   []string
		header string
		status int
	}{
		"a length":                  {nil, "Content-Length: 200000", http.StatusOK},
		"chunks":                    {nil, "Transfer-Encoding: chunked", http.StatusOK},
		"a length, and no password": {[]string{"--web.config.file=" + web}, "Content-Length: 200000", http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := start(t, serving(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") }), row.args...)
			conn := dial(t, i.addresses[0], "GET /metrics HTTP/1.1\r\nHost: x\r\n"+row.header+"\r\n\r\n")
			_ = conn.SetReadDeadline(time.Now().Add(time.Minute)) // in case the server never closes the connection
			reader := bufio.NewReader(conn)
			response, err := http.ReadResponse(reader, nil)
			if err != nil || response.StatusCode != row.status {
				t.Fatalf("%v %v", response, err)
			}
			if _, err := io.Copy(io.Discard, reader); isTimeout(err) {
				t.Error("the connection stays open")
			}
			if err := i.end(t); err != nil {
				t.Error(err)
			}
		})
	}
}

func isTimeout(err error) bool {
	failed, ok := err.(net.Error) //nolint:errorlint // true after the deadline
	return ok && failed.Timeout()
}

func TestLongHeaderIsRefused(t *testing.T) {
	t.Parallel()
	i := start(t, serving(http.NotFound))
	response, _ := do(t, "GET", "http://"+i.addresses[0]+"/", func(r *http.Request) { r.Header.Set("X", strings.Repeat("x", 60<<10)) })
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", response.StatusCode)
	}
	if err := i.end(t); err != nil {
		t.Error(err)
	}
}

// With the maximum number of connections open, a new one is still answered: it replaces one
// that is not being answered.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{
		"without a request":       "",
		"with an unfinished body": "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n",
		"idle after an answer":    "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := start(t, serving(http.NotFound))
			for n := range maxConnections + 50 {
				conn := dial(t, i.addresses[0], request)
				if request == "" {
					continue
				}
				if _, err := conn.Read(make([]byte, 1)); err != nil {
					t.Fatalf("connection %d: %v", n, err)
				}
			}
			if response, body := do(t, "GET", "http://"+i.addresses[0]+"/"); response.StatusCode != http.StatusOK {
				t.Errorf("%d %s", response.StatusCode, body)
			}
			if err := i.end(t); err != nil {
				t.Error(err)
			}
		})
	}
}

// While the maximum number of requests is being answered, the next one is refused with an
// error, and connections beyond the limit are closed.
func TestConnectionsThatAreAllInUse(t *testing.T) {
	t.Parallel()
	const request = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
	release := make(chan struct{})
	began := make(chan struct{}, maxAnswers)
	i := start(t, serving(func(w http.ResponseWriter, _ *http.Request) {
		began <- struct{}{}
		<-release
		_, _ = fmt.Fprint(w, "up 1\n")
	}))
	var answered []net.Conn
	for range maxAnswers {
		answered = append(answered, dial(t, i.addresses[0], request))
		<-began
	}
	refused, _ := do(t, "GET", "http://"+i.addresses[0]+"/metrics")
	if refused.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("request beyond the limit: status %d", refused.StatusCode)
	}

	for range maxConnections - maxAnswers {
		dial(t, i.addresses[0], "")
	}
	refused, _ = do(t, "GET", "http://"+i.addresses[0]+"/metrics") // replaces a connection without a request
	if refused.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("connection beyond the limit: status %d", refused.StatusCode)
	}
	close(release)
	for n, conn := range answered {
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("request %d: %v %v", n, response, err)
		}
	}
	if err := i.end(t); err != nil {
		t.Error(err)
	}
}

// The oldest of the least useful connections is replaced, but never one with a request.
func TestConnectionThatMakesWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newConnections()
		names := map[net.Conn]string{}
		add := func(name string, states ...http.ConnState) {
			conn, _ := net.Pipe()
			names[conn] = name
			for _, s := range states {
				c.changed(conn, s)
			}
			time.Sleep(time.Second)
		}
		add("busy", http.StateNew, http.StateActive)
		add("second silent", http.StateNew)
		add("second idle", http.StateNew, http.StateActive, http.StateIdle)
		add("third silent", http.StateNew)
		add("third idle", http.StateNew, http.StateActive, http.StateIdle)
		for _, want := range []string{"second silent", "third silent", "second idle", "third idle", ""} {
			before := maps.Clone(c.open)
			if closed := c.closeOne(); closed != (want != "") {
				t.Fatalf("closed one: %t, want %q", closed, want)
			}
			for conn := range before {
				if _, open := c.open[conn]; !open && names[conn] != want {
					t.Errorf("%q was replaced, want %q", names[conn], want)
				}
			}
		}
	})
}
