package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"omegastream_exporter/internal/test/needs"
)

// Pool starts a pgbouncer in front of an address, the server's own or a proxy's, until the
// end of the test, and returns its address. The mode is session or transaction.
func (s *Server) Pool(t testing.TB, address, mode string) string {
	t.Helper()
	program := pooler(t)
	h, err := newHome(s.bin)
	if err != nil {
		t.Fatal(err)
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	host, serverPort, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	// The keeper of the folder looks for the server's PID file under this name.
	settings := fmt.Sprintf(`[databases]
* = host=%s port=%s

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = users
pool_mode = %s
pidfile = data/postmaster.pid
logfile = log
`, host, serverPort, port, mode)
	users := fmt.Sprintf("%q %q\n", role, s.password)
	if err := errors.Join(h.write("pgbouncer.ini", settings), h.write("users", users), h.folder("data")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "-q", "pgbouncer.ini") //nolint:gosec // the machine's own
	cmd.Dir, cmd.SysProcAttr = h.dir, h.attr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // killed
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(h.dir, "log"))
			t.Logf("the log of pgbouncer:\n%s", log[max(0, len(log)-4<<10):])
		}
		if err := os.RemoveAll(h.dir); err != nil {
			t.Error(err)
		}
	})
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if err := listens(at); err != nil {
		log, _ := os.ReadFile(filepath.Join(h.dir, "log"))
		t.Fatalf("pgbouncer: %v\n%s", err, log)
	}
	return at
}

// pooler returns the path of pgbouncer, which Debian puts where only root's PATH leads.
func pooler(t testing.TB) string {
	t.Helper()
	const debian = "/usr/sbin/pgbouncer"
	if isFile(debian) {
		return debian
	}
	return needs.Tool(t, "pgbouncer")
}

// listens waits until something listens at an address.
func listens(address string) error {
	deadline := time.Now().Add(2 * time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := new(net.Dialer).DialContext(context.Background(), "tcp", address)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(deadline) {
			return err
		}
		<-tick.C
	}
}

// write writes a file that programs in the folder can read.
func (h home) write(name, content string) error {
	path := filepath.Join(h.dir, name)
	return errors.Join(os.WriteFile(path, []byte(content), 0o600), h.own(path))
}

// folder creates a folder that programs in the folder can write to.
func (h home) folder(name string) error {
	path := filepath.Join(h.dir, name)
	return errors.Join(os.Mkdir(path, 0o700), h.own(path))
}

func (h home) own(path string) error {
	if c := h.attr.Credential; c != nil {
		return os.Chown(path, int(c.Uid), int(c.Gid))
	}
	return nil
}
