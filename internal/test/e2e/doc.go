// Package e2e tests the program as a whole: the real binary runs as a process
// against an [omegastream_exporter/internal/simulator] account that is served on
// loopback, is scraped as Prometheus scrapes, and is stopped, killed, starved of
// disk and fed with nonsense. The tests compare its metrics with what really
// happened. There is nothing in here but tests.
package e2e
