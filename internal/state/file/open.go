package file

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
)

const lockWait = time.Second // how long another process can hold the file before it counts as in use

// find finds the file at the path. It opens only regular files, because opening a device can
// have effects, and a FIFO would block.
func (f *Store) find() error {
	place, err := filepath.Abs(f.path)
	if err != nil {
		return err
	}
	f.place, f.found = place, nil
	followed, err := filepath.EvalSymlinks(place)
	if errors.Is(err, os.ErrNotExist) {
		return danglingLink(place)
	}
	if err != nil {
		return err
	}
	f.place = followed
	f.found, err = os.Stat(followed)
	if err != nil {
		return err
	}
	return regular(f.path, f.found)
}

// danglingLink returns an error if a path, or a folder in it, is a symbolic link to nothing.
func danglingLink(path string) error {
	for ; path != filepath.Dir(path); path = filepath.Dir(path) {
		if _, err := os.Lstat(path); err != nil {
			continue
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			return nil
		}
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		return fmt.Errorf("%w: %s leads to %s", state.ErrDangling, path, target)
	}
	return nil
}

// regular returns an error unless a path leads to a regular file.
func regular(path string, info os.FileInfo) error {
	kind := "not a file"
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		kind = "a folder, not a file"
	case mode&os.ModeDevice != 0:
		kind = "a device, not a file"
	case mode&os.ModeNamedPipe != 0:
		kind = "a named pipe, not a file"
	case mode&os.ModeSocket != 0:
		kind = "a socket, not a file"
	}
	return fmt.Errorf("%w: %s is %s", state.ErrForeign, path, kind)
}

// openRegular opens the file at a path, if it is a regular one. It does not create one.
func openRegular(path string, flag int) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := regular(path, info); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, flag&^os.O_CREATE|openFlags, 0)
	if err != nil {
		return nil, err
	}
	info, err = file.Stat() // it can be another file by now
	if err == nil {
		err = regular(path, info)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// openBolt opens a bbolt file, with errors that say what is wrong. db owns the file, which is
// open as long as db is.
func openBolt(path string, readOnly bool) (db *bbolt.DB, file *os.File, err error) {
	err = guard(func() (err error) {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			ReadOnly:       readOnly,
			Timeout:        lockWait,
			NoFreelistSync: true, // rebuilt from the pages: less to write, and nothing that can be wrong
			FreelistType:   bbolt.FreelistMapType,
			OpenFile: func(path string, flag int, _ os.FileMode) (_ *os.File, err error) {
				file, err = openRegular(path, flag)
				return file, err
			},
		})
		return err
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, nil, state.ErrInUse
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return nil, nil, fmt.Errorf("%w: %w", ledger.ErrUnreadable, err)
	}
	return db, file, err
}

func closeBolt(db *bbolt.DB) error {
	if db == nil {
		return nil
	}
	return db.Close()
}
