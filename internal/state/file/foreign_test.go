//go:build unix

package file

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
)

// otherDatabase returns a bbolt file of another program, such as etcd.
func otherDatabase(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "other.db")
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range []string{"meta", "key", "events"} {
			b, err := tx.CreateBucket([]byte(name))
			if err != nil {
				return err
			}
			if err := b.Put([]byte("schema"), bytes.Repeat([]byte("value"), 400)); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// If a file was never a state, the start fails and does not change the file.
func TestFileOfOthersIsRefused(t *testing.T) {
	t.Parallel()
	path, _ := written(t, storetest.EveryRow(1, 10))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := otherDatabase(t)
	broken := slices.Clone(other)
	binary.NativeEndian.PutUint16(broken[3*4096+8:], 1<<6) // the type of a page
	broken[pageHeader+metaLen-1] ^= 1                      // the checksum of a meta page
	for _, row := range []struct {
		name    string
		content []byte
		mode    os.FileMode
	}{
		{"text", []byte("127.0.0.1 localhost\n"), 0o600},
		{"one byte", []byte{1}, 0o600},
		{"long text", bytes.Repeat([]byte("key: value\n"), 10_000), 0o644},
		{"records of a state as text", bytes.Repeat([]byte(`{"api_url":"x","folded_types":0},"records":1,"released":true`), 500), 0o600},
		{"database of another program", other, 0o600},
		{"broken database of another program", broken, 0o600},
		{"SQLite", append([]byte("SQLite format 3\x00\x10\x00"), make([]byte, 8192)...), 0o600},
		{"a state inside another file", append([]byte("backup\n"), whole...), 0o600},
		{"an empty file", nil, 0o644},
		{"a file of zeros", make([]byte, 8192), 0o644},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "conf.yml")
			if err := os.WriteFile(path, row.content, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, row.mode); err != nil {
				t.Fatal(err)
			}
			refused(t, path, storetest.URL, state.ErrForeign)
			mode(t, path, row.mode)
		})
	}
}

// Only regular files are opened: a FIFO would block forever, and reading a device can have
// effects.
func TestNoFileIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := syscall.Mkfifo(at("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for link, target := range map[string]string{"link to device": os.DevNull, "link to fifo": at("fifo"), "link to folder": dir} {
		if err := os.Symlink(target, at(link)); err != nil {
			t.Fatal(err)
		}
	}
	for path, word := range map[string]string{
		os.DevNull: "device", "/dev/zero": "device", at("link to device"): "device",
		at("fifo"): "named pipe", at("link to fifo"): "named pipe",
		at("socket"): "socket", dir: "folder", at("link to folder"): "folder",
	} {
		before, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, how, err := state.Open(context.Background(), New(path), storetest.URL, storetest.Policy(), storetest.Quiet{})
		if !errors.Is(err, state.ErrForeign) || how != (state.Opening{}) || !strings.Contains(err.Error(), word) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, %+v", path, err, how)
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("%s: took %v", path, took)
		}
		after, err := os.Lstat(path)
		if err != nil || !os.SameFile(before, after) || before.Mode() != after.Mode() {
			t.Errorf("%s: %v, it was %v", path, err, before)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 5 {
		t.Errorf("something was created: %v", left)
	}
}

func TestDanglingLinkIsNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "absent"), link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, filepath.Join(link, "ledger.db"), filepath.Join(link, "a", "b", "ledger.db")} {
		_, _, err := state.Open(context.Background(), New(path), storetest.URL, storetest.Policy(), storetest.Quiet{})
		if !errors.Is(err, state.ErrDangling) || !strings.Contains(err.Error(), link+" leads to "+filepath.Join(dir, "absent")) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("something was created: %v", left)
	}
}

// A symbolic link to a state works, and stays a link.
func TestStateBehindALink(t *testing.T) {
	t.Parallel()
	elsewhere := filepath.Join(t.TempDir(), "elsewhere.db")
	path := filepath.Join(t.TempDir(), "ledger.db")
	if err := os.Symlink(elsewhere, path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(elsewhere, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b, how, err := state.Open(context.Background(), New(path), storetest.URL, storetest.Policy(), storetest.Quiet{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close(context.Background())
	if !strings.HasPrefix(how.SetAside, elsewhere+".unreadable-") {
		t.Errorf("set aside: %+v", how)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("%v, the link is %v", err, info.Mode())
	}
	if info, err := os.Lstat(elsewhere); err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		t.Errorf("%v, the state is %v", err, info)
	}
}

// A start removes the files that killed starts left behind, if they surely come from a start
// and are not in use.
func TestStartSweeps(t *testing.T) {
	t.Parallel()
	path, _ := written(t, storetest.EveryRow(1, 10))
	dir := filepath.Dir(path)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	inUse := filepath.Join(dir, "ledger.db.new-99")
	stays := map[string][]byte{
		"ledger.db.new-1x":               whole, // not a name that a start uses
		"ledger.db.new-":                 whole,
		"other.db.new-1":                 whole,
		"ledger.db.new-5":                []byte("notes of somebody"),
		"ledger.db.unreadable-2026T1Z":   whole,
		"ledger.db.new-6":                otherDatabase(t),
		filepath.Base(inUse):             whole,
		"ledger.db.new-7 (open to all)":  whole,
		"ledger.db.new-8888 copy of 888": whole,
	}
	goes := map[string][]byte{"ledger.db.new-1": nil, "ledger.db.new-2": whole, "ledger.db.new-3": whole[:5000], "ledger.db.new-4": make([]byte, 8192)}
	for _, files := range []map[string][]byte{stays, goes} {
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	readable := filepath.Join(dir, "ledger.db.new-10")
	if err := os.WriteFile(readable, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(readable, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, filepath.Join(dir, "ledger.db.new-11")); err != nil {
		t.Fatal(err)
	}
	db, _, err := openBolt(inUse, false)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := storetest.Collect(t, New(path)); err != nil {
		t.Fatal(err)
	}
	for name := range goes {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
	left, _ := os.ReadDir(dir)
	if want := len(stays) + 3; len(left) != want { // the state, the readable copy and the link remain too
		t.Errorf("%d files are left, want %d: %v", len(left), want, left)
	}
}
