// Package systemd tests the units and the example of variables beside it.
package systemd
