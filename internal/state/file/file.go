package file

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"go.etcd.io/bbolt"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
)

// schemaVersion is the layout of the records below. A state with a higher one is refused: a
// program that does not know a bucket would miss its records in the totals, and take the
// state for damaged.
const schemaVersion = 1

// schemaTraces is the layout with traces. A state gets it with its first trace.
const schemaTraces = 2

// Each kind of record has a bucket with its name. The bucket of traces does not exist before
// the first one. [codec.AboutBucket] is about the whole state.
var (
	keySchema = []byte("schema")
	keyTotals = []byte("totals")
)

// Store is the store in a bbolt file. One process at a time has it open.
type Store struct {
	// Rewritten, if not nil, is called when the file was gone from its path and the whole
	// state was written there again.
	Rewritten func(path string)

	path   string      // as given
	place  string      // absolute, with symbolic links in path resolved
	found  os.FileInfo // the file that Load opened; nil if there was none
	folder os.FileInfo // of the file

	db   *bbolt.DB
	file *os.File    // of db, which closes it
	open os.FileInfo // of file
	size int64       // of file after the last commit, as bbolt never truncates it

	// The file has one of these totals, because a commit that failed in its last step can be
	// in it nevertheless.
	written, tried totals

	fault error // a fault in the middle of a commit, after which bbolt stays locked
}

// New returns the store at a path. It touches nothing before Load, which creates the file and
// its folder if needed.
func New(path string) *Store { return &Store{path: path} }

// Load implements [state.Store].
func (f *Store) Load(_ context.Context, rows ledger.Rows) error {
	if err := f.find(); err != nil {
		return err
	}
	var err error
	if f.found == nil {
		err = f.create()
	} else {
		err = f.read(rows)
	}
	if err != nil {
		return err
	}
	if err := f.openForWriting(); err != nil {
		return err
	}
	f.sweep()
	return nil
}

// read delivers the rows in the file. It opens the file read-only first, so that bbolt only
// writes to a checked file.
func (f *Store) read(rows ledger.Rows) error {
	file, err := openRegular(f.place, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer file.Close()
	if f.found, err = file.Stat(); err != nil {
		return err
	}
	err = f.readChecked(file, rows)
	if !errors.Is(err, ledger.ErrUnreadable) {
		return err
	}
	ours, signErr := wasState(file, f.found)
	switch {
	case signErr != nil:
		return signErr
	case !ours && f.found.Size() == 0:
		return fmt.Errorf("%w: it is empty, and was not made by this user with mode 0600", state.ErrForeign)
	case !ours:
		return fmt.Errorf("%w: it holds something else", state.ErrForeign)
	}
	return err
}

func (f *Store) readChecked(file *os.File, rows ledger.Rows) error {
	if f.found.Size() == 0 { // bbolt would write to it
		return fmt.Errorf("%w: it is empty", ledger.ErrUnreadable)
	}
	db, _, boltErr := openBolt(f.place, true)
	if errors.Is(boltErr, state.ErrInUse) {
		return boltErr
	}
	if err := cmp.Or(checkFile(file), boltErr); err != nil {
		return errors.Join(err, closeBolt(db))
	}
	err := guard(func() error { return db.View(func(tx *bbolt.Tx) error { return f.readRows(tx, rows) }) })
	return errors.Join(err, db.Close())
}

// openForWriting opens the file that was read or created. It refuses one that another process
// has changed since.
func (f *Store) openForWriting() error {
	db, file, err := openBolt(f.place, false)
	if err != nil {
		return err
	}
	now, err := totalsOf(db)
	if err == nil && now != f.written {
		err = fmt.Errorf("%w: it changed while it was being opened", state.ErrInUse)
	}
	if err == nil {
		err = restrict(file)
	}
	if err == nil {
		err = f.use(db, file)
	}
	if err != nil {
		return errors.Join(err, db.Close())
	}
	return nil
}

// use makes commits go to db.
func (f *Store) use(db *bbolt.DB, file *os.File) (err error) {
	open, err := file.Stat()
	if err != nil {
		return err
	}
	if f.folder, err = f.statFolder(); err != nil {
		return err
	}
	f.db, f.file, f.open, f.size = db, file, open, open.Size()
	return nil
}

// restrict removes the access of others to a file that belongs to us.
func restrict(file *os.File) error {
	info, err := file.Stat()
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	if err := file.Chmod(0o600); !errors.Is(err, os.ErrPermission) {
		return err
	}
	return nil
}

// Size implements [state.Store].
func (f *Store) Size() int64 {
	info, err := os.Stat(f.path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// Close implements [state.Store]. It leaves the state at its path, even if the file was
// removed since the last commit.
func (f *Store) Close() error {
	if f.db == nil || f.fault != nil {
		return nil //nolint:nilerr // a commit has returned the fault, and bbolt would wait forever
	}
	err := f.stay()
	return errors.Join(err, f.release())
}

// release closes the open files.
func (f *Store) release() error {
	db := f.db
	f.db = nil
	return closeBolt(db)
}

// Commit implements [state.Store].
func (f *Store) Commit(_ context.Context, b *ledger.Batch) error {
	if f.fault != nil {
		return f.fault
	}
	if err := f.stay(); err != nil {
		return err
	}
	err := guard(func() error { return f.db.Update(func(tx *bbolt.Tx) error { return f.write(tx, b) }) })
	if errors.Is(err, errFault) {
		f.fault = err
	}
	if err != nil {
		return err
	}
	f.written = f.tried
	f.measure()
	return nil
}

// measure records the size of the file.
func (f *Store) measure() {
	if info, err := f.file.Stat(); err == nil {
		f.size = info.Size()
	}
}

// write writes a batch into the state of the last commit.
func (f *Store) write(tx *bbolt.Tx, b *ledger.Batch) error {
	sums, err := readTotals(tx)
	if err != nil {
		return err
	}
	if err := f.expect(sums); err != nil {
		return err
	}
	sums.Commit++
	w := writer{tx: tx, totals: &sums}
	if err := w.batch(b); err != nil {
		return err
	}
	f.tried = sums
	return writeTotals(tx, sums)
}

// expect returns an error unless the file contains what this process has written.
func (f *Store) expect(sums totals) error {
	if sums != f.written && sums != f.tried {
		return fmt.Errorf("%w: something else has written into %s", state.ErrReplaced, f.path)
	}
	f.written = sums
	return nil
}

// totalsOf returns the totals of an open file.
func totalsOf(db *bbolt.DB) (sums totals, err error) {
	err = guard(func() error {
		return db.View(func(tx *bbolt.Tx) (err error) {
			sums, err = readTotals(tx)
			return err
		})
	})
	return sums, err
}
