// Package command is the commands that end by themselves: check, healthcheck, state
// copy and state reset-counters.
package command
