package file

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// Probe implements [state.Prober]. It writes the present content of an existing file. Without
// one, it creates a file with another name in the folder, or in the nearest folder that
// exists.
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
