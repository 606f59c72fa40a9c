package file

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/codec"
)

// create creates a new file, which is complete before it gets its name.
func (f *Store) create() error {
	f.written = totals{}
	return f.put(writeEmpty)
}

// put prepares a file, and gives it its name.
func (f *Store) put(fill func(*os.File) error) error {
	return again(func() error {
		next, err := f.prepare(fill)
		if err != nil {
			return err
		}
		return errors.Join(f.install(next), remove(next))
	})
}

func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// newSuffix comes between the file's name and some digits in the name of a file that is being
// prepared.
const newSuffix = ".new-"

// again repeats the making of a new file a few times, because another start can mistake it
// for a leftover and remove it.
func again(try func() error) (err error) {
	for range 5 {
		if err = try(); !errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	return err
}

// prepare fills a new file beside the final one, and creates its folders.
func (f *Store) prepare(fill func(*os.File) error) (path string, err error) {
	dir := filepath.Dir(f.place)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	err = again(func() error {
		file, err := os.CreateTemp(dir, filepath.Base(f.place)+newSuffix+"*")
		if err != nil {
			return err
		}
		path = file.Name()
		if err := errors.Join(fill(file), file.Close()); err != nil {
			return errors.Join(err, remove(path))
		}
		return nil
	})
	return path, err
}

// writeEmpty turns a new file into an empty state.
func writeEmpty(file *os.File) error {
	db, _, err := openBolt(file.Name(), false)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		if _, err := tx.CreateBucket(codec.AboutBucket); err != nil {
			return err
		}
		for kind := range codec.Trace {
			if _, err := tx.CreateBucket(kind.Bucket()); err != nil {
				return err
			}
		}
		if err := writeSchema(tx, schemaVersion); err != nil {
			return err
		}
		return writeTotals(tx, totals{})
	})
	return errors.Join(err, db.Close())
}

// install gives a prepared file its name, unless another file has it by now.
func (f *Store) install(path string) error {
	err := os.Link(path, f.place)
	if err != nil && !errors.Is(err, os.ErrExist) && !errors.Is(err, os.ErrNotExist) { // a file system without links
		if _, err = os.Lstat(f.place); errors.Is(err, os.ErrNotExist) {
			err = os.Rename(path, f.place)
		} else if err == nil {
			err = os.ErrExist
		}
	}
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%w: it was made a moment ago", state.ErrInUse)
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(f.place))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// SetAside implements [state.Store]. It writes the new state first, so that nothing has moved
// if the disk is full. The file can be open, if its records only contradict each other.
func (f *Store) SetAside(at time.Time) (where string, err error) {
	if err := f.release(); err != nil {
		return "", err
	}
	next, err := f.prepare(writeEmpty)
	if err != nil {
		return "", err
	}
	where, err = f.moveAside(at)
	if err == nil {
		err = f.install(next)
		if errors.Is(err, os.ErrNotExist) {
			err = f.put(writeEmpty)
		}
	}
	if err := errors.Join(err, remove(next)); err != nil {
		return where, err
	}
	f.written = totals{}
	return where, f.openForWriting()
}

// moveAside gives the file that Load opened a free name.
func (f *Store) moveAside(at time.Time) (where string, err error) {
	file, err := openRegular(f.place, os.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !os.SameFile(info, f.found) {
		return "", errors.Join(fmt.Errorf("%w: it was replaced a moment ago", state.ErrInUse), err)
	}
	if err := restrict(file); err != nil {
		return "", err
	}
	where = f.place + ".unreadable-" + at.UTC().Format("20060102T150405Z")
	for n := 2; ; n++ {
		if _, err := os.Lstat(where); errors.Is(err, os.ErrNotExist) {
			break
		}
		where = fmt.Sprintf("%s.unreadable-%s-%d", f.place, at.UTC().Format("20060102T150405Z"), n)
	}
	return where, os.Rename(f.place, where)
}

var digits = regexp.MustCompile(`^\d+$`)

// sweep removes files left behind by starts that were killed while preparing a file. It keeps
// files that are in use, or could belong to another program, and ignores files that it cannot
// remove.
func (f *Store) sweep() {
	entries, _ := os.ReadDir(filepath.Dir(f.place))
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), filepath.Base(f.place)+newSuffix)
		if ok && digits.MatchString(number) && e.Type().IsRegular() {
			sweepOne(filepath.Join(filepath.Dir(f.place), e.Name()))
		}
	}
}

func sweepOne(path string) {
	file, err := openRegular(path, os.O_RDONLY)
	if err != nil {
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Mode().Perm() != 0o600 || !ownedByUs(info) {
		return
	}
	if ours, err := wasState(file, info); err != nil || !ours {
		return
	}
	db, _, err := openBolt(path, true)
	if errors.Is(err, state.ErrInUse) {
		return
	}
	_ = closeBolt(db)
	_ = os.Remove(path)
}
