package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
)

// create makes a new file, whole before it has its name.
func (f *File) create() error {
	next, err := f.prepare()
	if err != nil {
		return err
	}
	return errors.Join(f.install(next), remove(next))
}

func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// prepare writes an empty state beside the file.
func (f *File) prepare() (path string, err error) {
	dir := filepath.Dir(f.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	file, err := os.CreateTemp(dir, filepath.Base(f.path)+".new-*")
	if err != nil {
		return "", err
	}
	path = file.Name()
	defer func() {
		if err != nil {
			err = errors.Join(err, remove(path))
		}
	}()
	if err := file.Close(); err != nil {
		return path, err
	}
	db, err := openBolt(path, false)
	if err != nil {
		return path, err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range append([][]byte{bucketMeta}, dataBuckets...) {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		if err := writeSchema(tx, schemaVersion); err != nil {
			return err
		}
		return writeTotals(tx, totals{})
	})
	f.loaded = totals{}
	return path, errors.Join(err, db.Close())
}

// install gives a prepared file its name, unless another process has used that in
// the meantime.
func (f *File) install(path string) error {
	err := os.Link(path, f.path)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%w: it was made a moment ago", ErrInUse)
	}
	if err != nil { // a file system without links
		err = os.Rename(path, f.path)
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(f.path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// SetAside implements [Store]. The new state is written first: on a full disk
// nothing has moved. The file may be open, where its records contradict each other
// only as a whole.
func (f *File) SetAside(at time.Time) (where string, err error) {
	if err := f.Close(); err != nil {
		return "", err
	}
	f.db = nil
	next, err := f.prepare()
	if err != nil {
		return "", err
	}
	where, err = f.moveAside(at)
	if err == nil {
		err = f.install(next)
	}
	if err := errors.Join(err, remove(next)); err != nil {
		return where, err
	}
	return where, f.open()
}

// moveAside gives the file that Load met a name that is free.
func (f *File) moveAside(at time.Time) (where string, err error) {
	if info, err := os.Stat(f.path); err != nil || !os.SameFile(info, f.file) {
		return "", errors.Join(fmt.Errorf("%w: it was replaced a moment ago", ErrInUse), err)
	}
	where = f.path + ".unreadable-" + at.UTC().Format("20060102T150405Z")
	for n := 2; ; n++ {
		if _, err := os.Lstat(where); errors.Is(err, os.ErrNotExist) {
			break
		}
		where = fmt.Sprintf("%s.unreadable-%s-%d", f.path, at.UTC().Format("20060102T150405Z"), n)
	}
	return where, os.Rename(f.path, where)
}
