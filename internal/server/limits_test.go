package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// dial opens a connection and writes to it.
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

// A request whose body never comes is answered, and its connection is closed soon, also
// where exporter-toolkit answers because there is no password.
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
			_ = conn.SetReadDeadline(time.Now().Add(time.Minute)) // for a server that holds it for ever
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
	failed, ok := err.(net.Error) //nolint:errorlint // It is one where the deadline has passed.
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

// However many connections there are, one more is answered: it takes the place of one
// that has nothing to be answered.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{
		"that say nothing":     "",
		"with a body to come":  "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n",
		"that wait for a next": "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
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

// All places are taken by requests that are being answered: one more is closed, and has
// a place once one of them ends.
func TestConnectionsThatAreAllInUse(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	began := make(chan struct{}, maxConnections)
	i := start(t, serving(func(w http.ResponseWriter, _ *http.Request) {
		began <- struct{}{}
		<-release
		_, _ = fmt.Fprint(w, "up 1\n")
	}))
	for range maxConnections {
		dial(t, i.addresses[0], "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
		<-began
	}
	conn, err := net.Dial("tcp", i.addresses[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := conn.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("one too many is not closed: %v", err)
	}
	close(release)
	if err := i.end(t); err != nil {
		t.Error(err)
	}
}
