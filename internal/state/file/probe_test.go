package file

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
)

// A probe changes nothing, and leaves nothing behind.
func TestProbeLeavesNothing(t *testing.T) {
	t.Parallel()
	path, want := written(t, storetest.EveryRow(2, 40))
	if err := New(path).Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := storetest.Collect(t, New(path)); err != nil || !storetest.Same(got, want) {
		t.Errorf("%v, the state is\n%+v, it was\n%+v", err, got, want)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "ledger.db"), filepath.Join(dir, "a", "b", "ledger.db")} {
		if err := New(path).Probe(t.Context()); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("%s: left behind: %v", path, left)
		}
	}
}

func TestProbeFindsWhatAStartWould(t *testing.T) {
	t.Parallel()
	path, _ := written(t, storetest.EveryRow(1, 10))
	if err := New(filepath.Join(path, "ledger.db")).Probe(t.Context()); err == nil {
		t.Error("the probe accepts a file as a folder")
	}
	if err := New(os.DevNull).Probe(t.Context()); !errors.Is(err, state.ErrForeign) {
		t.Errorf("device: %v", err)
	}
	f := New(path)
	if err := f.Load(t.Context(), ledger.Gather(new(ledger.Batch))); err != nil {
		t.Fatal(err)
	}
	if err := New(path).Probe(t.Context()); !errors.Is(err, state.ErrInUse) {
		t.Errorf("in use: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
