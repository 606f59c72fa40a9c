// Package dashboards holds the Grafana dashboards, the recording rules and the
// alerts: TypeScript in src, generated files beside it, and the tests of both,
// which need the tools that `make tools` builds.
package dashboards
