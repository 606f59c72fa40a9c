package ledger

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A probe leaves what was there, and nothing else.
func TestProbeLeavesNothing(t *testing.T) {
	t.Parallel()
	path, want := written(t, everyRow(2, 40))
	if err := NewFile(path).Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := collect(t, NewFile(path)); err != nil || !same(got, want) {
		t.Errorf("%v, the state is\n%+v, it was\n%+v", err, got, want)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "ledger.db"), filepath.Join(dir, "a", "b", "ledger.db")} {
		if err := NewFile(path).Probe(t.Context()); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("%s: left behind: %v", path, left)
		}
	}
}

func TestProbeFindsWhatAStartWould(t *testing.T) {
	t.Parallel()
	path, _ := written(t, everyRow(1, 10))
	if err := NewFile(filepath.Join(path, "ledger.db")).Probe(t.Context()); err == nil {
		t.Error("a file is taken for a folder")
	}
	if err := NewFile(os.DevNull).Probe(t.Context()); !errors.Is(err, ErrForeign) {
		t.Errorf("device: %v", err)
	}
	f := NewFile(path)
	if err := f.Load(t.Context(), &collector{newRowStore()}); err != nil {
		t.Fatal(err)
	}
	if err := NewFile(path).Probe(t.Context()); !errors.Is(err, ErrInUse) {
		t.Errorf("in use: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
