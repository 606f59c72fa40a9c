package file

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"go.etcd.io/bbolt"

	"omegastream_exporter/internal/state"
)

// stay checks that the open file is still the one at the path, because commits to another
// file are lost with the process, and a second process can have the path. If there is no
// file, it writes the whole state there again.
func (f *Store) stay() error {
	info, err := os.Stat(f.path)
	switch {
	case err == nil && !os.SameFile(info, f.open):
		return fmt.Errorf("%w: %s is another one now", state.ErrReplaced, f.path)
	case err == nil && info.Size() < f.size:
		return fmt.Errorf("%w: %s was cut to %d bytes", state.ErrReplaced, f.path, info.Size())
	case gone(err):
		return f.restore()
	}
	return err
}

// gone reports whether an error means that there is nothing at a path.
func gone(err error) bool { return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) }

// restore writes the whole state to its path again, if there is no file.
func (f *Store) restore() error {
	if err := f.restoreFolder(); err != nil {
		return err
	}
	old := f.db
	if err := f.put(f.copyTo); err != nil {
		return fmt.Errorf("%w: %s is gone, and cannot be written again: %w", state.ErrReplaced, f.path, err)
	}
	if err := f.openForWriting(); err != nil {
		return fmt.Errorf("%w: %s was written again, and cannot be opened: %w", state.ErrReplaced, f.path, err)
	}
	if f.Rewritten != nil {
		f.Rewritten(f.path)
	}
	return old.Close()
}

// restoreFolder creates the folder of the file again if it is missing. It refuses another
// folder in its place, as when a disk was unmounted.
func (f *Store) restoreFolder() error {
	dir := filepath.Dir(f.place)
	info, err := os.Stat(dir)
	if err == nil {
		if !os.SameFile(info, f.folder) {
			return fmt.Errorf("%w: %s is gone, and its folder is another one", state.ErrReplaced, f.path)
		}
		return nil
	}
	for parent := dir; gone(err) && parent != filepath.Dir(parent); {
		parent = filepath.Dir(parent)
		info, err = os.Stat(parent)
	}
	if err != nil {
		return err
	}
	if !sameFileSystem(info, f.folder) {
		return fmt.Errorf("%w: %s is gone with the file system that it was on", state.ErrReplaced, f.path)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("%w: %s is gone, and its folder cannot be made again: %w", state.ErrReplaced, f.path, err)
	}
	f.folder, err = f.statFolder()
	return err
}

func (f *Store) statFolder() (os.FileInfo, error) { return os.Stat(filepath.Dir(f.place)) }

// copyTo writes the whole state to a file.
func (f *Store) copyTo(file *os.File) error {
	return guard(func() error {
		return f.db.View(func(tx *bbolt.Tx) error {
			sums, err := readTotals(tx)
			if err := errors.Join(err, f.expect(sums)); err != nil {
				return err
			}
			if _, err := tx.WriteTo(file); err != nil {
				return err
			}
			return file.Sync()
		})
	})
}
