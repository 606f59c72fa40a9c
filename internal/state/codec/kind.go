package codec

import (
	"fmt"
	"strings"

	"omegastream_exporter/internal/ledger"
)

// Kind is a kind of record. A load delivers them in this order.
type Kind uint8

// The kinds of records other than the account's. A state in PostgreSQL contains their
// numbers.
const (
	Endpoint Kind = iota
	Counter
	Latency
	Events // of neighbouring slots
	Failure
	Trace
	Kinds
)

// buckets are the names of the kinds, as used in checksums.
var buckets = [Kinds][]byte{
	Endpoint: []byte("endpoints"),
	Counter:  []byte("series"),
	Latency:  []byte("latency"),
	Events:   []byte("events"),
	Failure:  []byte("failures"),
	Trace:    []byte("traces"),
}

// Bucket returns the name of the kind, which is that of its bucket in a file. It must not be
// changed.
func (k Kind) Bucket() []byte { return buckets[k] }

// Whole reports whether the kind has one record for each endpoint, whose key is the
// endpoint's id.
func (k Kind) Whole() bool { return k == Endpoint || k == Latency }

// Every other key starts with the endpoint's id and a zero byte, which no id contains.

// Prefix returns the prefix of the keys of an endpoint's records, except for its whole ones.
func Prefix(endpoint string) []byte { return append([]byte(endpoint), 0) }

// SplitKey returns the endpoint of a record, and the rest of its key.
func SplitKey(kind Kind, key []byte) (endpoint string, rest []byte) {
	if kind.Whole() {
		return string(key), nil
	}
	endpoint, tail, _ := strings.Cut(string(key), "\x00")
	return endpoint, []byte(tail)
}

// JoinKey is the inverse of SplitKey.
func JoinKey(kind Kind, endpoint string, rest []byte) []byte {
	if kind.Whole() {
		return []byte(endpoint)
	}
	return append(Prefix(endpoint), rest...)
}

func splitKey(key []byte) (endpoint string, rest []byte, err error) {
	id, tail, ok := strings.Cut(string(key), "\x00")
	if !ok {
		return "", nil, fmt.Errorf("%w: key %q", ledger.ErrUnreadable, key)
	}
	return id, []byte(tail), nil
}
