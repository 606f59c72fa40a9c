//go:build !race

package e2e

// raceFlag builds the program as the tests were built.
const raceFlag = "-race=false"
