package file

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/codec"
)

// checkSchema refuses records of an unknown layout.
func checkSchema(tx *bbolt.Tx) error {
	meta := tx.Bucket(codec.AboutBucket)
	if meta == nil {
		return fmt.Errorf("%w: no bucket %s", ledger.ErrUnreadable, codec.AboutBucket)
	}
	payload, err := codec.Unseal(codec.AboutBucket, keySchema, meta.Get(keySchema))
	if err != nil {
		return err
	}
	if len(payload) != 4 {
		return fmt.Errorf("%w: no schema version", ledger.ErrUnreadable)
	}
	v := binary.BigEndian.Uint32(payload)
	if v > schemaTraces {
		return fmt.Errorf("%w: schema %d, this version knows up to %d", state.ErrNewer, v, schemaTraces)
	}
	return nil
}

func writeSchema(tx *bbolt.Tx, version uint32) error {
	payload := binary.BigEndian.AppendUint32(nil, version)
	return tx.Bucket(codec.AboutBucket).Put(keySchema, codec.Seal(codec.AboutBucket, keySchema, payload))
}
