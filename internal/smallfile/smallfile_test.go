package smallfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "key")
	if _, _, err := Read(name); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), name) {
		t.Errorf("a missing file: %v", err)
	}
	if _, _, err := Read(t.TempDir()); err == nil {
		t.Error("it reads a folder")
	}
	for size, fits := range map[int]bool{0: true, Max: true, Max + 1: false} {
		want := strings.Repeat("k", size)
		if err := os.WriteFile(name, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		got, info, err := Read(name)
		switch {
		case !fits:
			if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "kk") {
				t.Errorf("%d bytes: %v", size, err)
			}
		case err != nil || got != want || info.Size() != int64(size):
			t.Errorf("%d bytes: %d read, %+v, %v", size, len(got), info, err)
		}
	}
}
