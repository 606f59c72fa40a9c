// Package command has the commands besides serve: check, healthcheck, state copy and
// state reset-counters.
package command
