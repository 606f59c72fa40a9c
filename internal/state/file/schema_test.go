package file

import (
	"errors"
	"testing"

	"go.etcd.io/bbolt"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state/codec"
	"omegastream_exporter/internal/state/storetest"
)

func alter(t *testing.T, path string, change func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoFreelistSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(change), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// A missing bucket means that the state has lost it.
func TestStateWithoutItsFailuresIsUnreadable(t *testing.T) {
	t.Parallel()
	path, _ := written(t, storetest.EveryRow(1, 4))
	alter(t, path, func(tx *bbolt.Tx) error { return tx.DeleteBucket(codec.Failure.Bucket()) })
	if _, err := storetest.Collect(t, New(path)); !errors.Is(err, ledger.ErrUnreadable) {
		t.Errorf("%v", err)
	}
}

// Failures can be replaced, deleted, and deleted before they were ever stored.
func TestFailureRowsChange(t *testing.T) {
	t.Parallel()
	first := storetest.EveryRow(1, 6)
	second := &ledger.Batch{Account: first.Account}
	for i, r := range first.Failures {
		next := *r.Failure
		next.Asked += 100
		if r.Failure = &next; i%2 == 0 {
			r.Failure = nil
		}
		second.Failures = append(second.Failures, r)
	}
	gone := second.Failures[0]
	gone.Time++
	second.Failures = append(second.Failures, gone)
	path, want := written(t, first, second, second)
	got, err := storetest.Collect(t, New(path))
	if err != nil || !storetest.Same(got, want) || len(got.Failures["endpoint-0"]) != 3 {
		t.Errorf("%v, %d rows", err, len(got.Failures["endpoint-0"]))
	}
}
