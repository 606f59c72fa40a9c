//go:build unix

package file

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/codec"
	"omegastream_exporter/internal/state/storetest"
)

var children = map[string]func(path string) error{
	"hold": func(path string) error {
		f := New(path)
		if err := f.Load(context.Background(), ledger.Gather(new(ledger.Batch))); err != nil {
			return err
		}
		fmt.Println("held")
		time.Sleep(time.Hour) // until it is killed
		return nil
	},
	"load as nobody": func(path string) error {
		if err := syscall.Setuid(65534); err != nil {
			return err
		}
		f := New(path)
		if err := f.Load(context.Background(), ledger.Gather(new(ledger.Batch))); err != nil {
			return fmt.Errorf("permission %v, unreadable %v, %w", errors.Is(err, os.ErrPermission), errors.Is(err, ledger.ErrUnreadable), err)
		}
		return errors.New("loaded")
	},
	"commit forever": func(path string) error {
		f := New(path)
		rows, there := storetest.NewDouble(), new(ledger.Batch)
		if err := f.Load(context.Background(), ledger.Gather(there)); err != nil {
			return err
		}
		_ = rows.Commit(context.Background(), there)
		for n := value(rows) + 1; ; n++ {
			if err := f.Commit(context.Background(), numbered(n)); err != nil {
				return err
			}
			fmt.Println(n)
		}
	},
	"full disk": fullDisk,
}

// numbered returns a batch with a number in one counter and one event, among many other rows.
func numbered(n uint64) *ledger.Batch {
	b := storetest.EveryRow(1, 50)
	b.Counters[0].Value = n
	b.Events = append(b.Events, ledger.EventRow{Endpoint: "endpoint-0", Slot: 1000 + uint32(n%997), Event: ledger.Event{
		Key: ledger.KeyOf(fmt.Appendf(nil, "%024x", 1<<40+n)), Time: int64(n), Stage: ledger.Listed,
	}})
	return b
}

// value returns the number of the last numbered batch, or 0.
func value(s *storetest.Double) uint64 {
	return s.Counters["endpoint-0"][numbered(0).Counters[0].Key].Value
}

// A kill at any moment loses no acknowledged commit.
func TestKillTakesNothingBack(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	for range rounds {
		cmd, out := child(t, "commit forever", path)
		var acknowledged uint64
		for range 1 + rand.IntN(20) {
			_, _ = fmt.Sscan(line(t, out), &acknowledged)
		}
		time.AfterFunc(time.Duration(rand.IntN(5000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
		for out.Scan() {
			_, _ = fmt.Sscan(out.Text(), &acknowledged)
		}
		_ = cmd.Wait()
		rows, err := storetest.Collect(t, New(path))
		if err != nil {
			t.Fatal(err)
		}
		n := value(rows)
		if n < acknowledged || n > acknowledged+1 {
			t.Fatalf("the file holds %d, %d was acknowledged", n, acknowledged)
		}
		if got := rows.Events["endpoint-0"][1000+uint32(n%997)].Event.Time; got != int64(n) {
			t.Fatalf("counter %d and event %d were not written together", n, got)
		}
	}
}

// fullDisk commits until the file cannot grow, makes room, and continues.
func fullDisk(path string) error {
	f := New(path)
	if err := f.Load(context.Background(), ledger.Gather(new(ledger.Batch))); err != nil {
		return err
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	small := limit
	small.Cur = 100_000
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		return err
	}
	failures := 0
	for n := uint64(1); n <= 60; n++ {
		b := storetest.EveryRow(1, int(n)*40)
		b.Counters[0].Value = n
		err := f.Commit(context.Background(), b)
		if err == nil {
			continue
		}
		failures++
		if again := f.Commit(context.Background(), b); again == nil {
			return fmt.Errorf("commit %d succeeded on a full disk", n)
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
		if err := f.Commit(context.Background(), b); err != nil {
			return fmt.Errorf("commit %d after making room: %w", n, err)
		}
	}
	return errors.Join(fmt.Errorf("%d failures", failures), f.Close())
}

func TestFullDiskHeals(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	_, out := child(t, "full disk", path)
	if got := line(t, out); got != "1 failures" {
		t.Fatal(got)
	}
	rows, err := storetest.Collect(t, New(path))
	if err != nil || value(rows) != 60 || len(rows.Events["endpoint-0"]) != 2400 {
		t.Errorf("%v, counter %d, %d events", err, value(rows), len(rows.Events["endpoint-0"]))
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	t.Parallel()
	path, _ := written(t, storetest.EveryRow(1, 10))
	_, out := child(t, "hold", path)
	if got := line(t, out); got != "held" {
		t.Fatal(got)
	}
	began := time.Now()
	refused(t, path, storetest.URL, state.ErrInUse)
	if took := time.Since(began); took > time.Minute {
		t.Errorf("took %v", took)
	}
}

// refused checks that a start fails with a one-line error, and moves nothing.
func refused(t *testing.T, path, url string, want error) {
	t.Helper()
	before, _ := os.ReadDir(filepath.Dir(path))
	content, _ := os.ReadFile(path)
	_, how, err := state.Open(context.Background(), New(path), url, storetest.Policy(), storetest.Quiet{})
	if !errors.Is(err, want) || errors.Is(err, ledger.ErrUnreadable) || how != (state.Opening{}) {
		t.Errorf("error %v, %+v, want %v", err, how, want)
	}
	if err != nil && strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %q", err)
	}
	after, _ := os.ReadDir(filepath.Dir(path))
	if now, _ := os.ReadFile(path); !bytes.Equal(now, content) || len(before) != len(after) {
		t.Errorf("the folder has changed: %v, before %v", after, before)
	}
}

func TestOtherAccountIsRefused(t *testing.T) {
	t.Parallel()
	path, _ := written(t, storetest.EveryRow(1, 10))
	refused(t, path, "https://other.example", ledger.ErrOtherAccount)
}

func TestNewerStateIsRefused(t *testing.T) {
	t.Parallel()
	path, _ := written(t, storetest.EveryRow(1, 10))
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoFreelistSync: true})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		payload := binary.BigEndian.AppendUint32(nil, schemaTraces+1)
		return tx.Bucket(codec.AboutBucket).Put(keySchema, codec.Seal(codec.AboutBucket, keySchema, payload))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	refused(t, path, storetest.URL, state.ErrNewer)
}

func TestFileInAFileIsRefused(t *testing.T) {
	t.Parallel()
	path, _ := written(t, storetest.EveryRow(1, 1))
	refused(t, filepath.Join(path, "ledger.db"), storetest.URL, syscall.ENOTDIR)
}

func TestPermissionIsRefused(t *testing.T) {
	t.Parallel()
	path, _ := written(t, storetest.EveryRow(1, 10))
	if os.Getuid() != 0 {
		if err := os.Chmod(path, 0); err != nil {
			t.Fatal(err)
		}
		refused(t, path, storetest.URL, os.ErrPermission)
		return
	}
	for dir := filepath.Dir(path); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	_, out := child(t, "load as nobody", path)
	if got := line(t, out); !strings.HasPrefix(got, "permission true, unreadable false") {
		t.Error(got)
	}
}

func TestFileAndFoldersAreOurs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b", "ledger.db")
	if _, err := storetest.Collect(t, New(path)); err != nil {
		t.Fatal(err)
	}
	mode(t, path, 0o600)
	mode(t, filepath.Join(dir, "a"), 0o700)
	mode(t, filepath.Join(dir, "a", "b"), 0o700)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := storetest.Collect(t, New(path)); err != nil {
		t.Fatal(err)
	}
	mode(t, path, 0o600)
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// At any moment, even before it is filled, another start can mistake a file that is being
// prepared for a leftover and remove it.
func TestPreparedFileIsRemoved(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	f, tries := New(path), 0
	f.place = path
	prepared, err := f.prepare(func(file *os.File) error {
		if tries++; tries == 1 {
			if err := os.Remove(file.Name()); err != nil {
				return err
			}
			_, err := os.Stat(file.Name())
			return err
		}
		return writeEmpty(file)
	})
	if err != nil || tries != 2 {
		t.Errorf("%v after %d tries", err, tries)
	}
	if _, err := os.Stat(prepared); err != nil {
		t.Error(err)
	}
}

// If two processes start at once without a state, one gets it and the other is refused.
func TestTwoStartsAtOnce(t *testing.T) {
	t.Parallel()
	for range 5 {
		path := filepath.Join(t.TempDir(), "ledger.db")
		_, first := child(t, "hold", path)
		_, second := child(t, "hold", path)
		lines := []string{}
		got := make(chan string, 2)
		go func() { first.Scan(); got <- first.Text() }()
		go func() { second.Scan(); got <- second.Text() }()
		lines = append(lines, <-got, <-got)
		held, refused := 0, 0
		for _, l := range lines {
			switch {
			case l == "held":
				held++
			case strings.HasPrefix(l, state.ErrInUse.Error()):
				refused++
			}
		}
		if held != 1 || refused != 1 {
			t.Errorf("%q", lines)
		}
	}
}

func TestSetAsideSparesWhatAnotherProcessMade(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	slow := New(path)
	if err := slow.Load(context.Background(), ledger.Gather(new(ledger.Batch))); !errors.Is(err, ledger.ErrUnreadable) {
		t.Fatal(err)
	}
	b, _, err := state.Open(context.Background(), New(path), storetest.URL, storetest.Policy(), storetest.Quiet{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close(context.Background())
	if where, err := slow.SetAside(storetest.Epoch); !errors.Is(err, state.ErrInUse) {
		t.Errorf("%v, moved to %q", err, where)
	}
}

// Records that are valid on their own can contradict each other, which shows only when all
// are read.
func TestFileWithAnEventTwiceIsSetAside(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	f := New(path)
	if err := f.Load(t.Context(), ledger.Gather(new(ledger.Batch))); err != nil {
		t.Fatal(err)
	}
	b := storetest.EveryRow(1, 40)
	b.Events[20].Event.Key = b.Events[0].Event.Key
	b.Events[20].ID = ""
	if err := f.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, aside := range []bool{true, false} {
		st, how, err := state.Open(t.Context(), New(path), storetest.URL, storetest.Policy(), storetest.Quiet{})
		if err != nil {
			t.Fatal(err)
		}
		if moved := how.SetAside != ""; moved != aside {
			t.Errorf("set aside: %v (%v), want %v", moved, how.Cause, aside)
		}
		if aside { // and is unlocked
			db, _, err := openBolt(how.SetAside, true)
			if err != nil {
				t.Error(err)
			}
			_ = closeBolt(db)
		}
		if err := st.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
