package ledger

import (
	"fmt"
	"strings"
)

// RecordKind is a kind of record, in the order in which a load hands them over.
type RecordKind uint8

// The kinds of records beside the account's. Their numbers stand in a state in PostgreSQL.
const (
	RecordEndpoint RecordKind = iota
	RecordCounter
	RecordLatency
	RecordEvents // of neighbouring slots
	RecordFailure
	RecordTrace
	RecordKinds
)

// recordBuckets names the kinds, as checksums have them in them.
var recordBuckets = [RecordKinds][]byte{
	RecordEndpoint: []byte("endpoints"),
	RecordCounter:  []byte("series"),
	RecordLatency:  []byte("latency"),
	RecordEvents:   []byte("events"),
	RecordFailure:  []byte("failures"),
	RecordTrace:    []byte("traces"),
}

// Bucket returns the name of the kind: that of its bucket in a file. It must not be changed.
func (k RecordKind) Bucket() []byte { return recordBuckets[k] }

// Whole reports whether the kind has one record for each endpoint, with the endpoint's id as
// its key.
func (k RecordKind) Whole() bool { return k == RecordEndpoint || k == RecordLatency }

// Every other key begins with the endpoint's id and a zero byte, which no id contains.

// Prefix returns what the keys begin with of an endpoint's records, but for its whole ones.
func Prefix(endpoint string) []byte { return append([]byte(endpoint), 0) }

// SplitKey returns the endpoint of a record, and what its key has after that.
func SplitKey(kind RecordKind, key []byte) (endpoint string, rest []byte) {
	if kind.Whole() {
		return string(key), nil
	}
	endpoint, tail, _ := strings.Cut(string(key), "\x00")
	return endpoint, []byte(tail)
}

// JoinKey returns the key of which SplitKey has made two parts.
func JoinKey(kind RecordKind, endpoint string, rest []byte) []byte {
	if kind.Whole() {
		return []byte(endpoint)
	}
	return append(Prefix(endpoint), rest...)
}

func splitKey(key []byte) (endpoint string, rest []byte, err error) {
	id, tail, ok := strings.Cut(string(key), "\x00")
	if !ok {
		return "", nil, fmt.Errorf("%w: key %q", ErrUnreadable, key)
	}
	return id, []byte(tail), nil
}
