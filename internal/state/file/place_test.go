//go:build unix

package file

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
)

// opened is an open file store, with its rows.
type opened struct {
	*Store
	path      string
	rows      *storetest.Double
	rewritten int
}

func openWritten(t *testing.T) *opened {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a", "b")
	o := &opened{path: filepath.Join(dir, "ledger.db"), rows: storetest.NewDouble()}
	o.Store = New(o.path)
	o.Rewritten = func(string) { o.rewritten++ }
	if err := o.Load(t.Context(), ledger.Gather(new(ledger.Batch))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.release() })
	if err := o.commit(t, storetest.EveryRow(2, 40)); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *opened) commit(t *testing.T, b *ledger.Batch) error {
	t.Helper()
	err := o.Commit(t.Context(), b)
	if err == nil {
		_ = o.rows.Commit(t.Context(), b)
	}
	return err
}

// check checks that the state is complete and locked at its path, with no other files beside
// it.
func (o *opened) check(t *testing.T, beside int) {
	t.Helper()
	_, _, err := state.Open(context.Background(), New(o.path), storetest.URL, storetest.Policy(), storetest.Quiet{})
	if !errors.Is(err, state.ErrInUse) {
		t.Errorf("a second process on the path: %v", err)
	}
	if left, _ := os.ReadDir(filepath.Dir(o.path)); len(left) != 1+beside {
		t.Errorf("beside the state: %v", left)
	}
	mode(t, o.path, 0o600)
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := storetest.Collect(t, New(o.path)); err != nil || !storetest.Same(got, o.rows) {
		t.Errorf("%v, the path has\n%+v, want\n%+v", err, got, o.rows)
	}
}

// If the file is gone from its path, the whole state is written there again.
func TestRemovedFileIsWrittenAgain(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		harm   func(path string) error
		beside int
	}{
		{"removed", os.Remove, 0},
		{"renamed", func(path string) error { return os.Rename(path, path+".bak") }, 1},
		{"with its folder", func(path string) error { return os.RemoveAll(filepath.Dir(path)) }, 0},
		{"with the folder above", func(path string) error { return os.RemoveAll(filepath.Dir(filepath.Dir(path))) }, 0},
		{"with its folder renamed", func(path string) error { return os.Rename(filepath.Dir(path), filepath.Dir(path)+".bak") }, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := openWritten(t)
			if err := row.harm(o.path); err != nil {
				t.Fatal(err)
			}
			if err := o.commit(t, storetest.EveryRow(2, 50)); err != nil {
				t.Fatal(err)
			}
			if err := o.commit(t, storetest.EveryRow(3, 10)); err != nil {
				t.Fatal(err)
			}
			if o.rewritten != 1 {
				t.Errorf("reported %d times that it was written again", o.rewritten)
			}
			o.check(t, row.beside)
		})
	}
	t.Run("after the last commit", func(t *testing.T) {
		t.Parallel()
		o := openWritten(t)
		if err := os.Remove(o.path); err != nil {
			t.Fatal(err)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := storetest.Collect(t, New(o.path)); err != nil || !storetest.Same(got, o.rows) {
			t.Errorf("%v, the path has\n%+v, want\n%+v", err, got, o.rows)
		}
	})
}

// If something else is in the file's place, it is not overwritten, and commits fail until the
// file is back.
func TestReplacedFileIsLeftAlone(t *testing.T) {
	t.Parallel()
	aside := func(path string) string { return filepath.Join(filepath.Dir(filepath.Dir(path)), "aside") }
	for _, row := range []struct {
		name string
		put  func(path string) error
	}{
		{"another file", func(path string) error { return os.WriteFile(path, []byte("of another program"), 0o644) }},
		{"a folder", func(path string) error { return os.Mkdir(path, 0o700) }},
		{"a symbolic link to nothing", func(path string) error { return os.Symlink("absent", path) }},
		{"a copy", func(path string) error {
			content, err := os.ReadFile(aside(path))
			return errors.Join(err, os.WriteFile(path, content, 0o600))
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := openWritten(t)
			if err := os.Rename(o.path, aside(o.path)); err != nil {
				t.Fatal(err)
			}
			if err := row.put(o.path); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadFile(o.path)
			for range 3 {
				if err := o.commit(t, storetest.EveryRow(2, 50)); !errors.Is(err, state.ErrReplaced) {
					t.Fatalf("commit: %v", err)
				}
			}
			if after, _ := os.ReadFile(o.path); !bytes.Equal(before, after) {
				t.Error("the new file was overwritten")
			}
			if err := errors.Join(os.Remove(o.path), os.Rename(aside(o.path), o.path)); err != nil {
				t.Fatal(err)
			}
			if err := o.commit(t, storetest.EveryRow(2, 50)); err != nil {
				t.Fatalf("after the file is back: %v", err)
			}
			if o.rewritten != 0 {
				t.Error("the state was written again")
			}
			o.check(t, 0)
		})
	}
}

// If a disk is mounted over the folder, or unmounted, no state is written there.
func TestReplacedFolderIsLeftAlone(t *testing.T) {
	t.Parallel()
	t.Run("another folder", func(t *testing.T) {
		t.Parallel()
		o := openWritten(t)
		dir := filepath.Dir(o.path)
		if err := errors.Join(os.Rename(dir, dir+".bak"), os.Mkdir(dir, 0o700)); err != nil {
			t.Fatal(err)
		}
		if err := o.commit(t, storetest.EveryRow(2, 50)); !errors.Is(err, state.ErrReplaced) {
			t.Errorf("commit: %v", err)
		}
		if made, _ := os.ReadDir(dir); len(made) != 0 {
			t.Errorf("created in the other folder: %v", made)
		}
		if err := errors.Join(os.Remove(dir), os.Rename(dir+".bak", dir)); err != nil {
			t.Fatal(err)
		}
		if err := o.commit(t, storetest.EveryRow(2, 50)); err != nil {
			t.Errorf("after the folder is back: %v", err)
		}
	})
	t.Run("another file system", func(t *testing.T) {
		t.Parallel()
		o := openWritten(t)
		proc, err := os.Stat("/dev/fd/")
		if err != nil || sameFileSystem(proc, o.folder) {
			t.Skipf("there is only one file system: %v", err)
		}
		o.folder = proc // as if it had been on a disk that was unmounted
		if err := os.RemoveAll(filepath.Dir(o.path)); err != nil {
			t.Fatal(err)
		}
		if err := o.commit(t, storetest.EveryRow(2, 50)); !errors.Is(err, state.ErrReplaced) {
			t.Errorf("commit: %v", err)
		}
		if _, err := os.Stat(filepath.Dir(o.path)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("its folder was created: %v", err)
		}
	})
}

// If something else has written to the file, the store no longer writes to it.
func TestFileWrittenByOthersIsLeftAlone(t *testing.T) {
	t.Parallel()
	older, _ := written(t, storetest.EveryRow(1, 4))
	backup, err := os.ReadFile(older)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		harm func(path string) error
	}{
		{"emptied", func(path string) error { return os.Truncate(path, 0) }},
		{"cut", func(path string) error { return os.Truncate(path, 4096) }},
		{"a backup copied over it", func(path string) error {
			file, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = file.Write(backup)
			return errors.Join(err, file.Close())
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := openWritten(t)
			if err := row.harm(o.path); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(o.path)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := o.commit(t, storetest.EveryRow(2, 50)); !errors.Is(err, state.ErrReplaced) {
					t.Errorf("commit: %v", err)
				}
			}
			if after, err := os.ReadFile(o.path); err != nil || !bytes.Equal(before, after) {
				t.Errorf("%v, or the file was written to", err)
			}
		})
	}
}

// While one process still has a file that was moved away, a second one can start at its path.
// The first one notices, and neither writes to the other's file.
func TestSecondProcessAtThePath(t *testing.T) {
	t.Parallel()
	o := openWritten(t)
	if err := os.Rename(o.path, o.path+".moved"); err != nil {
		t.Fatal(err)
	}
	second := New(o.path)
	if err := second.Load(t.Context(), ledger.Gather(new(ledger.Batch))); err != nil {
		t.Fatal(err)
	}
	if err := second.Commit(t.Context(), storetest.EveryRow(1, 5)); err != nil {
		t.Fatal(err)
	}
	if err := o.commit(t, storetest.EveryRow(2, 50)); !errors.Is(err, state.ErrReplaced) {
		t.Errorf("the first commits: %v", err)
	}
	if err := second.Commit(t.Context(), storetest.EveryRow(1, 6)); err != nil {
		t.Errorf("the second: %v", err)
	}
	if err := o.Close(); !errors.Is(err, state.ErrReplaced) {
		t.Errorf("the first closes: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

// Scrapes show the durable values, and the reason of the failure, until the file is back.
func TestReplacedFileIsShown(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	ctx := context.Background()
	b, _, err := state.Open(ctx, New(path), storetest.URL, storetest.Policy(), storetest.Quiet{})
	if err != nil {
		t.Fatal(err)
	}
	synced := b.View(time.Now()).LastSync
	away := path + ".away"
	if err := errors.Join(os.Rename(path, away), os.WriteFile(path, []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	b.Do(func(a *ledger.Account) { a.Synced(time.Now()) })
	storetest.Eventually(t, func() bool { return errors.Is(b.Failure(), state.ErrReplaced) })
	if got := b.View(time.Now()).LastSync; !got.Equal(synced) {
		t.Errorf("the shown sync at %v is not durable", got)
	}
	if err := os.Rename(away, path); err != nil {
		t.Fatal(err)
	}
	if err := b.Flush(ctx); err != nil || b.Failure() != nil {
		t.Errorf("after the file is back: %v, %v", err, b.Failure())
	}
	if err := b.Close(ctx); err != nil {
		t.Error(err)
	}
}
