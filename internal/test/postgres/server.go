package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// role is the role that tests connect as. It only owns the databases.
const role = "exporter"

// Server is a PostgreSQL server. Its methods are safe for concurrent use. Methods that take a
// test fail it on errors.
type Server struct {
	home
	port     int
	password string
	names    atomic.Int64 // of databases

	mu sync.Mutex // only one operation on the server at a time
}

// Start starts a server until the end of the test. If the test fails, it shows the end of the
// server's log.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := start(t)
	if err != nil {
		t.Fatal(err)
	}
	s.endsWith(t)
	return s
}

// endsWith stops the server at the end of a test.
func (s *Server) endsWith(t testing.TB) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log of PostgreSQL at port %d:\n%s", s.port, s.logged(""))
		}
		if err := s.remove(); err != nil {
			t.Error(err)
		}
	})
}

func start(t testing.TB) (*Server, error) {
	t.Helper()
	from, err := template(t)
	if err != nil {
		return nil, err
	}
	h, err := newHome(from.bin)
	if err != nil {
		return nil, err
	}
	s := &Server{home: h, password: rand.Text()}
	if _, err := s.run("cp", "-R", "-p", filepath.Join(from.dir, "template"), "data"); err != nil {
		return nil, err
	}
	for range 5 { // another process can take the port first
		if s.port, err = freePort(); err != nil {
			return nil, err
		}
		if err = s.begin(); err == nil {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, s.logged(""))
	}
	if _, err := s.psql("postgres", "CREATE ROLE "+role+" LOGIN PASSWORD '"+s.password+"'"); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

// freePort returns a port below those for outgoing connections, so that it stays free while
// the server is down.
func freePort() (int, error) {
	for range 100 {
		n, err := rand.Int(rand.Reader, big.NewInt(12000))
		if err != nil {
			return 0, err
		}
		port := 20000 + int(n.Int64())
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	return 0, errors.New("no free port from 20000 to 32000")
}

// begin starts the server with its data, and waits until it accepts connections.
func (s *Server) begin() error {
	settings := map[string]string{
		"listen_addresses": "127.0.0.1", "port": strconv.Itoa(s.port), "unix_socket_directories": s.dir,
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
		"shared_buffers": "16MB", "max_connections": "100", "max_wal_senders": "4",
		"wal_level": "replica", "max_wal_size": "256MB", "jit": "off",
		"log_checkpoints": "off", "log_line_prefix": "%m [%p] %u@%d ", "log_timezone": "UTC",
	}
	var options strings.Builder
	for name, value := range settings {
		fmt.Fprintf(&options, " -c %s='%s'", name, value)
	}
	_, err := s.run("pg_ctl", "start", "--wait", "--silent", "--timeout=50", "--pgdata=data", "--log=log", "--options="+options.String())
	return err
}

// end stops the server, if it runs.
func (s *Server) end(mode string) error {
	if !isFile(filepath.Join(s.dir, "data", "postmaster.pid")) {
		return nil
	}
	_, err := s.run("pg_ctl", "stop", "--wait", "--silent", "--timeout=50", "--pgdata=data", "--mode="+mode)
	return err
}

// remove stops the server and deletes its data.
func (s *Server) remove() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.end("immediate"), os.RemoveAll(s.dir))
}

// Address returns the server's address.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Password returns the password in every URL.
func (s *Server) Password() string { return s.password }

// URL returns the URL of a database, over TCP.
func (s *Server) URL(database string) string { return s.URLAt(s.Address(), database) }

// URLAt returns the URL of a database through another address, such as a proxy's.
func (s *Server) URLAt(address, database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(role, s.password), Host: address, Path: database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// NewDatabase creates an empty database, and returns its URL.
func (s *Server) NewDatabase(t testing.TB) string {
	t.Helper()
	name, err := s.newDatabase()
	if err != nil {
		t.Fatal(err)
	}
	return s.URL(name)
}

func (s *Server) newDatabase() (string, error) {
	name := fmt.Sprintf("test_%d", s.names.Add(1))
	_, err := s.psql("postgres", "CREATE DATABASE "+name+" OWNER "+role)
	return name, err
}

// SQL runs statements as a superuser and returns the result: a line for each row, with
// columns separated by |.
func (s *Server) SQL(t testing.TB, database, statements string) string {
	t.Helper()
	said, err := s.psql(database, statements)
	if err != nil {
		t.Fatal(err)
	}
	return said
}

// psql uses the socket, which needs no password, because only the server's user can open it.
func (s *Server) psql(database, statements string) (string, error) {
	return s.run("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1",
		"--host="+s.dir, "--port="+strconv.Itoa(s.port), "--username=postgres", "--dbname="+database, "--command="+statements)
}

// Restart stops the server and starts it again, as a package upgrade does: clients are told
// why their connections end.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.restart(t, "fast")
}

// Crash is like Restart, but without notice or checkpoint: the server recovers from its
// write-ahead log, as after a power failure.
func (s *Server) Crash(t testing.TB) {
	t.Helper()
	s.restart(t, "immediate")
}

func (s *Server) restart(t testing.TB, mode string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(s.end(mode), s.begin()); err != nil {
		t.Error(err)
	}
}

// Stop stops the server until StartAgain.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.end("fast"); err != nil {
		t.Fatal(err)
	}
}

// Kill kills the server with SIGKILL, until StartAgain. Its PID file remains.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	pid, err := s.pid()
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err != nil {
		t.Fatal(err)
	}
	for { // the system removes it eventually
		c, err := new(net.Dialer).DialContext(context.Background(), "tcp", s.Address())
		if err != nil {
			return
		}
		c.Close()
	}
}

// pid returns the process id of the server.
func (s *Server) pid() (int, error) {
	content, err := os.ReadFile(filepath.Join(s.dir, "data", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(content), "\n")
	return strconv.Atoi(line)
}

// StartAgain starts a server that was stopped or killed. Processes of a killed server end on
// their own soon, and use the data until then.
func (s *Server) StartAgain(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	deadline := time.Now().Add(2 * time.Minute)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.begin()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		<-tick.C
	}
}

// Backup is a copy of all data of a server.
type Backup struct{ dir string }

// Backup copies the data of a running server with pg_basebackup.
func (s *Server) Backup(t testing.TB) Backup {
	t.Helper()
	dir := fmt.Sprintf("backup-%d", s.names.Add(1))
	if _, err := s.run("pg_basebackup", "--pgdata="+dir, "--checkpoint=fast", "--no-sync", "--wal-method=stream",
		"--host="+s.dir, "--port="+strconv.Itoa(s.port), "--username=postgres"); err != nil {
		t.Fatal(err)
	}
	return Backup{dir}
}

// Restore stops the server, replaces its data with the copy, and starts it. The copy can be
// used again.
func (s *Server) Restore(t testing.TB, b Backup) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.end("immediate")
	if err == nil {
		err = os.RemoveAll(filepath.Join(s.dir, "data"))
	}
	if err == nil {
		_, err = s.run("cp", "-R", "-p", b.dir, "data")
	}
	if err == nil {
		err = s.begin()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// logged returns the end of the server's log, or only the part of one database.
func (s *Server) logged(database string) string {
	const limit = 8 << 10
	f, err := os.Open(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	content, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	var lines []string
	for line := range strings.Lines(string(content)) {
		if database == "" || strings.Contains(line, "@"+database+" ") {
			lines = append(lines, line)
		}
	}
	text := strings.Join(lines, "")
	return text[max(0, len(text)-limit):]
}
