package codec

import (
	"fmt"
	"strings"

	"omegastream_exporter/internal/ledger"
)

// Kind is a kind of record, in the order in which a load hands them over.
type Kind uint8

// The kinds of records beside the account's. Their numbers stand in a state in PostgreSQL.
const (
	Endpoint Kind = iota
	Counter
	Latency
	Events // of neighbouring slots
	Failure
	Trace
	Kinds
)

// buckets names the kinds, as checksums have them in them.
var buckets = [Kinds][]byte{
	Endpoint: []byte("endpoints"),
	Counter:  []byte("series"),
	Latency:  []byte("latency"),
	Events:   []byte("events"),
	Failure:  []byte("failures"),
	Trace:    []byte("traces"),
}

// Bucket returns the name of the kind: that of its bucket in a file. It must not be changed.
func (k Kind) Bucket() []byte { return buckets[k] }

// Whole reports whether the kind has one record for each endpoint, with the endpoint's id as
// its key.
func (k Kind) Whole() bool { return k == Endpoint || k == Latency }

// Every other key begins with the endpoint's id and a zero byte, which no id contains.

// Prefix returns what the keys begin with of an endpoint's records, but for its whole ones.
func Prefix(endpoint string) []byte { return append([]byte(endpoint), 0) }

// SplitKey returns the endpoint of a record, and what its key has after that.
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
