// Package e2e tests the program as a whole. The real binary runs as a process with an
// [omegastream_exporter/internal/simulator] account on loopback. The tests scrape it like
// Prometheus, stop and kill it, fill its disk and feed it nonsense, and compare its metrics
// with what really happened. The package contains only tests.
package e2e
