// Package systemd tests the units and the example environment file beside it.
package systemd
