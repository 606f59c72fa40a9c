// Package image builds the container image twice, as `make image` does, and runs it as
// production should: as a numeric user, without capabilities, with a read-only root. It
// contains only tests.
//
// It pulls no images. It builds the one that the Dockerfile calls GO_IMAGE from this
// machine's Go and a static busybox; the exporter's image takes only the CA certificates from
// it. podman then runs each variant of deploy/kubernetes with the exporter's image.
package image
