package file

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// Probe implements [state.Prober]. Of a file that is there it writes what is in it already;
// where there is none, it makes one in the folder, or in the nearest that is there,
// under a name of its own.
func (f *Store) Probe(context.Context) error {
	if err := f.find(); err != nil {
		return err
	}
	if f.found == nil {
		return f.probeFolder()
	}
	db, _, err := openBolt(f.place, false)
	if err != nil {
		return err
	}
	err = guard(func() error {
		return db.Update(func(tx *bbolt.Tx) error {
			sums, err := readTotals(tx)
			if err != nil {
				return err
			}
			return writeTotals(tx, sums)
		})
	})
	return errors.Join(err, db.Close())
}

func (f *Store) probeFolder() error {
	folder := filepath.Dir(f.place)
	for folder != filepath.Dir(folder) {
		if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
			break
		}
		folder = filepath.Dir(folder)
	}
	elsewhere := Store{place: filepath.Join(folder, filepath.Base(f.place))}
	path, err := elsewhere.prepare(writeEmpty)
	if err != nil {
		return err
	}
	return remove(path)
}
