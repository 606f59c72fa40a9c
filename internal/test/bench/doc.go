// Package bench measures the exporter as a whole and holds it against what
// bounds it: the bytes that must cross the wire, the disk, the latency of the
// API, a registry of plain counters, and an exporter without a ledger. It has
// tests only; `make bench` runs the benchmarks and prints one table.
//
// Each benchmark does the product's work and the limit's in turns, so that what
// else the machine does falls on both, and reports the medians: ns/op,
// limit-ns/op and x-limit, their ratio. The API is a simulated account in a
// process of its own, so that CPU time is the exporter's alone.
//
// Counts need no clock: the tests beside the benchmarks assert requests, bytes, dials
// and allocations.
package bench
