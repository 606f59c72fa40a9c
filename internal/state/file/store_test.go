package file

import (
	"path/filepath"
	"testing"

	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Test(t, true, func(t *testing.T) func() state.Store {
		path := filepath.Join(t.TempDir(), "ledger.db")
		return func() state.Store { return New(path) }
	})
}
