// Package deploy holds the ways to run the exporter: manifests and a chart for
// Kubernetes, a compose file, and configuration for Prometheus, Alertmanager and
// Grafana. Here are only the tests of these, which need the tools that `make
// tools` builds.
package deploy
