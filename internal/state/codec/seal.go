package codec

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"

	"omegastream_exporter/internal/ledger"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const sealLen = 4

// Seal returns a record: a payload with its checksum, which also covers the bucket and the
// key, so that no record can take another one's place. It can write behind the payload.
func Seal(bucket, key, payload []byte) []byte {
	return binary.BigEndian.AppendUint32(payload, recordSum(bucket, key, payload))
}

// Unseal returns the payload of a record.
func Unseal(bucket, key, record []byte) (payload []byte, err error) {
	if len(record) < sealLen {
		return nil, fmt.Errorf("%w: record %s/%q is cut", ledger.ErrUnreadable, bucket, key)
	}
	payload = record[:len(record)-sealLen]
	if Sum(record) != recordSum(bucket, key, payload) {
		return nil, fmt.Errorf("%w: checksum of record %s/%q", ledger.ErrUnreadable, bucket, key)
	}
	return payload, nil
}

// Sum returns a record's checksum; 0 if the record is cut.
func Sum(record []byte) uint32 {
	if len(record) < sealLen {
		return 0
	}
	return binary.BigEndian.Uint32(record[len(record)-sealLen:])
}

func recordSum(bucket, key, payload []byte) uint32 {
	sum := crc32.Update(0, castagnoli, bucket)
	sum = crc32.Update(sum, castagnoli, key)
	return crc32.Update(sum, castagnoli, payload)
}

func decodeJSON(payload []byte, v any) error {
	if err := json.Unmarshal(payload, v); err != nil {
		return fmt.Errorf("%w: %w", ledger.ErrUnreadable, err)
	}
	return nil
}
