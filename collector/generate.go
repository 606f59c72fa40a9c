package collector

//go:generate go run ../internal/metricsdoc ../docs/metrics.md
