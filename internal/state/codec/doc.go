// Package codec turns the rows of a ledger into records and back, once for every store. A
// record has a kind, a key that begins with its endpoint, and a payload with a checksum
// over all three.
package codec
