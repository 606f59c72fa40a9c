// Package image builds the container image as `make image` does, twice, and runs
// it as production should: as a numeric user, without capabilities, on a read-only
// root. It has tests only.
//
// No image can be pulled for it. The one that the Dockerfile calls GO_IMAGE is made
// of this machine's Go and a static busybox; the exporter's own image has nothing
// of it but the certificate authorities. With it, podman plays each variant of
// deploy/kubernetes.
package image
