// Package deploy contains ways to run the exporter: manifests and a chart for Kubernetes, a
// compose file, and configurations of Prometheus, Alertmanager and Grafana. Its Go code is
// only tests, which need the tools that `make tools` builds.
package deploy
