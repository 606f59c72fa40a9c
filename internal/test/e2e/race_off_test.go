//go:build !race

package e2e

// raceFlag builds the program like the tests.
const raceFlag = "-race=false"
