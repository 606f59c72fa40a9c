// Package bench measures the exporter as a whole and compares it with what limits it: the
// bytes that must cross the wire, the disk, the latency of the API, a registry of plain
// counters, and an exporter without a ledger. It contains only tests; `make bench` runs the
// benchmarks and prints one table.
//
// Each benchmark alternates between the exporter's work and the limit's, so that other load
// on the machine affects both, and reports medians: ns/op, limit-ns/op and their ratio
// x-limit. The API is a simulated account in a separate process, so that CPU time is the
// exporter's alone.
//
// Counts need no clock: the tests beside the benchmarks check requests, bytes, connections
// and allocations.
package bench
