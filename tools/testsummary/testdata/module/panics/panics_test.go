package panics

import "testing"

func TestBefore(t *testing.T) {}

func TestPanics(t *testing.T) {
	t.Run("row", func(t *testing.T) { panic("out of luck") })
}

func TestNeverRuns(t *testing.T) {}
