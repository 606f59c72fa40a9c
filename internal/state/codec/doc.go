// Package codec converts the rows of a ledger to records and back, for every store. A record
// has a kind, a key that starts with its endpoint, and a payload with a checksum over all
// three.
package codec
