package ledger

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"

	"go.etcd.io/bbolt"
)

// older makes a state file of the first schema, which had no failures.
func older(t *testing.T) (path string, want *rowStore) {
	t.Helper()
	b := everyRow(2, 20)
	b.Failures = nil
	path, want = written(t, b)
	alter(t, path, func(tx *bbolt.Tx) error {
		payload := binary.BigEndian.AppendUint32(nil, 1)
		return errors.Join(tx.DeleteBucket(bucketFailures), tx.Bucket(bucketMeta).Put(keySchema, seal(bucketMeta, keySchema, payload)))
	})
	return path, want
}

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

func schemaOf(t *testing.T, path string) (v uint32) {
	t.Helper()
	alter(t, path, func(tx *bbolt.Tx) (err error) {
		v, err = readSchema(tx)
		return err
	})
	return v
}

func TestOlderStateIsReadAsItIs(t *testing.T) {
	t.Parallel()
	path, want := older(t)
	for range 2 {
		if got, err := collect(t, NewFile(path)); err != nil || !same(got, want) {
			t.Fatalf("%v", err)
		}
	}
	if v := schemaOf(t, path); v != 1 {
		t.Errorf("reading made it schema %d", v)
	}
}

func TestOlderStateIsBroughtUpByACommit(t *testing.T) {
	t.Parallel()
	path, want := older(t)
	f := NewFile(path)
	if err := f.Load(context.Background(), &collector{newRowStore()}); err != nil {
		t.Fatal(err)
	}
	more := everyRow(1, 8)
	more.Dropped = []string{"endpoint-1"}
	_ = want.Commit(context.Background(), more)
	if err := errors.Join(f.Commit(context.Background(), more), f.Close()); err != nil {
		t.Fatal(err)
	}
	if got, err := collect(t, NewFile(path)); err != nil || !same(got, want) || len(got.failures["endpoint-0"]) != 8 {
		t.Errorf("%v", err)
	}
	if v := schemaOf(t, path); v != schemaVersion {
		t.Errorf("schema %d", v)
	}
}

// Only an older state may lack the bucket.
func TestStateWithoutItsFailuresIsUnreadable(t *testing.T) {
	t.Parallel()
	path, _ := written(t, everyRow(1, 4))
	alter(t, path, func(tx *bbolt.Tx) error { return tx.DeleteBucket(bucketFailures) })
	if _, err := collect(t, NewFile(path)); !errors.Is(err, ErrUnreadable) {
		t.Errorf("%v", err)
	}
}

// A failure that is replaced, deleted, or deleted before it was ever there.
func TestFailureRowsChange(t *testing.T) {
	t.Parallel()
	first := everyRow(1, 6)
	second := &Batch{Account: first.Account}
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
	got, err := collect(t, NewFile(path))
	if err != nil || !same(got, want) || len(got.failures["endpoint-0"]) != 3 {
		t.Errorf("%v, %d rows", err, len(got.failures["endpoint-0"]))
	}
}
