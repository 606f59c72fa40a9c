package ledger

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
)

// schemaFailures is the first schema with bucketFailures.
const schemaFailures = 2

// readSchema returns the layout of the records. It refuses one that is not known
// here.
func readSchema(tx *bbolt.Tx) (uint32, error) {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		return 0, fmt.Errorf("%w: no bucket %s", ErrUnreadable, bucketMeta)
	}
	payload, _, err := unseal(bucketMeta, keySchema, meta.Get(keySchema))
	if err != nil {
		return 0, err
	}
	if len(payload) != 4 {
		return 0, fmt.Errorf("%w: no schema version", ErrUnreadable)
	}
	v := binary.BigEndian.Uint32(payload)
	if v > schemaVersion {
		return 0, fmt.Errorf("%w: schema %d, this version knows up to %d", ErrNewer, v, schemaVersion)
	}
	return v, nil
}

func writeSchema(tx *bbolt.Tx) error {
	payload := binary.BigEndian.AppendUint32(nil, schemaVersion)
	return tx.Bucket(bucketMeta).Put(keySchema, seal(bucketMeta, keySchema, payload))
}

// migrate brings the layout up to this version's, in the transaction that writes
// the first rows by it.
func migrate(tx *bbolt.Tx) error {
	v, err := readSchema(tx)
	if err != nil || v == schemaVersion {
		return err
	}
	if _, err := tx.CreateBucketIfNotExists(bucketFailures); err != nil {
		return err
	}
	return writeSchema(tx)
}
