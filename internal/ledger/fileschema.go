package ledger

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
)

// checkSchema refuses records of a layout that is not known here.
func checkSchema(tx *bbolt.Tx) error {
	meta := tx.Bucket(AboutBucket)
	if meta == nil {
		return fmt.Errorf("%w: no bucket %s", ErrUnreadable, AboutBucket)
	}
	payload, err := Unseal(AboutBucket, keySchema, meta.Get(keySchema))
	if err != nil {
		return err
	}
	if len(payload) != 4 {
		return fmt.Errorf("%w: no schema version", ErrUnreadable)
	}
	v := binary.BigEndian.Uint32(payload)
	if v > schemaTraces {
		return fmt.Errorf("%w: schema %d, this version knows up to %d", ErrNewer, v, schemaTraces)
	}
	return nil
}

func writeSchema(tx *bbolt.Tx, version uint32) error {
	payload := binary.BigEndian.AppendUint32(nil, version)
	return tx.Bucket(AboutBucket).Put(keySchema, Seal(AboutBucket, keySchema, payload))
}
