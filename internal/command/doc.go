// Package command contains the commands other than serve: check, healthcheck, state copy and
// state reset-counters.
package command
