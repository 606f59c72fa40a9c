package postgres

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// home is a temporary folder in which PostgreSQL's programs run, as a user that they accept.
// It is removed after the test binary has ended.
type home struct {
	bin  string // the folder of the programs
	dir  string
	attr *syscall.SysProcAttr
}

// newHome creates a home.
func newHome(bin string) (home, error) {
	attr, err := notRoot()
	if err != nil {
		return home{}, err
	}
	dir, err := os.MkdirTemp("", "postgres-test-")
	if err != nil {
		return home{}, err
	}
	h := home{bin: bin, dir: dir, attr: attr}
	if c := attr.Credential; c != nil {
		if err := os.Chown(dir, int(c.Uid), int(c.Gid)); err != nil {
			return home{}, err
		}
	}
	return h, h.keep()
}

// notRoot returns how to run a program that refuses to run as root.
func notRoot() (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return &syscall.SysProcAttr{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return nil, fmt.Errorf("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")
}

// held holds pipe ends that stay open as long as the process lives.
var held struct {
	mu    sync.Mutex
	pipes []*os.File
}

// keep starts a shell that waits until this process ends for any reason, stops a leftover
// server and removes the folder. A test's cleanup does not run after a panic or a timeout.
func (h home) keep() error {
	const script = `
trap '' INT TERM HUP QUIT
cat >/dev/null
if pid=$(head -n 1 data/postmaster.pid 2>/dev/null); then
	kill -QUIT "$pid"
	for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" 2>/dev/null && sleep 0.2; done
fi
cd / && rm -rf "$0" || { sleep 1; rm -rf "$0"; } # a program of the test may be at work`
	theirs, ours, err := os.Pipe()
	if err != nil {
		return err
	}
	defer theirs.Close()
	keeper := exec.CommandContext(context.Background(), "sh", "-c", script, h.dir) //nolint:gosec // the folder is ours
	keeper.Dir, keeper.Stdin, keeper.SysProcAttr = h.dir, theirs, h.attr
	if err := keeper.Start(); err != nil {
		return fmt.Errorf("start a shell in %s as another user: %w", h.dir, err)
	}
	held.mu.Lock()
	defer held.mu.Unlock()
	held.pipes = append(held.pipes, ours)
	return nil
}

// run runs a program of PostgreSQL or of the system to its end, and returns its output.
func (h home) run(program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if path := filepath.Join(h.bin, program); isFile(path) {
		program = path
	}
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // the programs of this machine's PostgreSQL
	cmd.Dir, cmd.SysProcAttr = h.dir, h.attr
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	// Use a file instead of a pipe, because a background server would keep the pipe open.
	out, err := os.CreateTemp(h.dir, "out-")
	if err != nil {
		return "", err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	said, readErr := os.ReadFile(out.Name())
	if err == nil {
		err = readErr
	}
	said = bytes.TrimSpace(said)
	if err != nil {
		return string(said), fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), strings.Join(args, " "), err, said)
	}
	return string(said), nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// template creates, once, a data folder of which every server starts with a copy. initdb
// takes most of a second, a copy a tenth of that.
func template(t testing.TB) (home, error) {
	t.Helper()
	bin := programs(t)
	cached.Do(func() {
		if cached.home, cached.err = newHome(bin); cached.err != nil {
			return
		}
		_, cached.err = cached.run("initdb", "--pgdata=template", "--username=postgres", "--encoding=UTF8", "--locale=C",
			"--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync", "--no-instructions")
	})
	return cached.home, cached.err
}

var cached struct {
	sync.Once
	home
	err error
}
