// Package dashboards contains the Grafana dashboards, the recording rules and the alerts:
// TypeScript sources in src, the files generated from them, and tests, which need the tools
// that `make tools` builds.
package dashboards
