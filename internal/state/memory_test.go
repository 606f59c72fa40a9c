package state_test

import (
	"testing"

	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	storetest.Test(t, false, func(*testing.T) func() state.Store { return state.NewMemory })
}

// The double for tests behaves like a store.
func TestDouble(t *testing.T) {
	t.Parallel()
	storetest.Test(t, true, func(*testing.T) func() state.Store {
		s := storetest.NewDouble()
		return func() state.Store { return s }
	})
}
