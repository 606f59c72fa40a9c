package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// schemaVersion is the layout of the records below. A state with a higher one is
// left alone: whoever does not know a bucket misses its records in the totals, and
// would take the state for broken.
const schemaVersion = 1

// schemaTraces is the layout with traces. A state gets it with its first one.
const schemaTraces = 2

const lockWait = time.Second // how long another process may hold the file before it counts as in use

var (
	bucketMeta      = []byte("meta")
	bucketEndpoints = []byte("endpoints")
	bucketSeries    = []byte("series")
	bucketLatency   = []byte("latency")
	bucketEvents    = []byte("events")
	bucketFailures  = []byte("failures")
	bucketTraces    = []byte("traces") // not there before the first one

	dataBuckets = [][]byte{bucketEndpoints, bucketSeries, bucketLatency, bucketEvents, bucketFailures}

	keySchema  = []byte("schema")
	keyTotals  = []byte("totals")
	keyAccount = []byte("account")
)

// File is the store in one bbolt file. One process has it open at a time.
type File struct {
	path   string
	db     *bbolt.DB
	loaded totals      // as Load met them
	file   os.FileInfo // as Load met it
}

// NewFile returns the store at a path. Nothing is touched before Load; the file
// and its folder are made where there are none.
func NewFile(path string) *File { return &File{path: path} }

// Load implements [Store].
func (f *File) Load(_ context.Context, rows Rows) error {
	info, err := os.Stat(f.path)
	f.file = info
	switch {
	case errors.Is(err, os.ErrNotExist):
		if err := f.create(); err != nil {
			return err
		}
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a folder, not a file", f.path)
	case info.Size() == 0:
		return fmt.Errorf("%w: it is empty", ErrUnreadable)
	default:
		if err := f.read(rows); err != nil {
			return err
		}
	}
	return f.open()
}

// read hands over what the file holds. It is opened for reading first: only what
// was checked is given to bbolt for writing.
func (f *File) read(rows Rows) error {
	db, boltErr := openBolt(f.path, true)
	if errors.Is(boltErr, ErrInUse) {
		return boltErr
	}
	file, err := os.Open(f.path)
	if err != nil {
		return errors.Join(err, closeBolt(db))
	}
	defer file.Close()
	if err := cmp.Or(checkFile(file), boltErr); err != nil {
		return errors.Join(err, closeBolt(db))
	}
	err = guard(func() error { return db.View(func(tx *bbolt.Tx) error { return f.readRows(tx, rows) }) })
	return errors.Join(err, db.Close())
}

// open opens the file for writing. It refuses one that another process has
// changed since it was read.
func (f *File) open() error {
	db, err := openBolt(f.path, false)
	if err != nil {
		return err
	}
	var now totals
	err = db.View(func(tx *bbolt.Tx) (err error) {
		now, err = readTotals(tx)
		return err
	})
	if err == nil && now != f.loaded {
		err = fmt.Errorf("%w: it changed while it was being opened", ErrInUse)
	}
	if err == nil {
		err = f.restrict()
	}
	if err != nil {
		return errors.Join(err, db.Close())
	}
	f.db = db
	return nil
}

// restrict takes the file from everyone else, where it is ours to do so.
func (f *File) restrict() error {
	info, err := os.Stat(f.path)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	if err := os.Chmod(f.path, 0o600); !errors.Is(err, os.ErrPermission) {
		return err
	}
	return nil
}

// Size implements [Store].
func (f *File) Size() int64 {
	info, err := os.Stat(f.path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// Close implements [Store].
func (f *File) Close() error { return closeBolt(f.db) }

// Commit implements [Store].
func (f *File) Commit(_ context.Context, b *Batch) error {
	return guard(func() error {
		return f.db.Update(func(tx *bbolt.Tx) error {
			sums, err := readTotals(tx) // a commit that failed in its last step may be in the file all the same
			if err != nil {
				return err
			}
			sums.Commit++
			w := fileWriter{tx: tx, totals: &sums}
			if err := w.batch(b); err != nil {
				return err
			}
			return writeTotals(tx, sums)
		})
	})
}

// openBolt opens a bbolt file and names what can go wrong.
func openBolt(path string, readOnly bool) (db *bbolt.DB, err error) {
	err = guard(func() (err error) {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			ReadOnly:       readOnly,
			Timeout:        lockWait,
			NoFreelistSync: true, // rebuilt from the pages: less to write, and nothing to be wrong
			FreelistType:   bbolt.FreelistMapType,
		})
		return err
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, ErrInUse
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return db, err
}

func closeBolt(db *bbolt.DB) error {
	if db == nil {
		return nil
	}
	return db.Close()
}
