package ledger

import (
	"crypto/sha256"
	"encoding/hex"
)

// A Key stands for an event id in memory and in a store. An id of 24 lower-case hex digits,
// as documented, is kept as its 12 bytes; any other id as the first 15 bytes of its SHA-256.
// The last byte distinguishes the two. The fixed size without pointers allows tracking a
// million events in little memory, which the garbage collector need not scan.
type Key [16]byte

const (
	hexIDLen  = 24
	hashedKey = 1 // the last byte of a key that does not contain its id
)

// KeyOf returns the key of an event id. It does not allocate.
func KeyOf(id []byte) Key {
	if len(id) == hexIDLen {
		if k, ok := plainKey(id); ok {
			return k
		}
	}
	var k Key
	sum := sha256.Sum256(id)
	copy(k[:15], sum[:])
	k[15] = hashedKey
	return k
}

// Hashed reports whether the id must be stored beside the key.
func (k Key) Hashed() bool { return k[15] == hashedKey }

// PlainID returns the id of a key that is not hashed.
func (k Key) PlainID() string { return hex.EncodeToString(k[:12]) }

// plainKey decodes 24 lower-case hex digits. Upper-case digits make a different id.
func plainKey(id []byte) (k Key, ok bool) {
	bad := byte(0)
	for i := range hexIDLen / 2 {
		high, low := hexDigits[id[2*i]], hexDigits[id[2*i+1]]
		bad |= high | low
		k[i] = high<<4 | low&0xF
	}
	return k, bad&notHex == 0
}

const notHex = 0x80

// hexDigits maps bytes to their value as lower-case hex digits.
var hexDigits = func() (values [256]byte) {
	for c := range values {
		values[c] = notHex
	}
	for v, c := range "0123456789abcdef" {
		values[c] = byte(v)
	}
	return values
}()
