package file

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
)

func TestInspectChangesNothing(t *testing.T) {
	t.Parallel()
	path, _ := written(t, storetest.EveryRow(2, 10))
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v, err := state.Inspect(context.Background(), New(path), storetest.URL, storetest.Policy())
	if err != nil || len(v.Endpoints) != 2 || v.Endpoints[0].Tracked != 10 {
		t.Errorf("%v, %+v", err, v)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(after, before) {
		t.Error("the file has changed")
	}
	if err := os.WriteFile(path, before[:5000], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Inspect(context.Background(), New(path), storetest.URL, storetest.Policy()); !errors.Is(err, ledger.ErrUnreadable) {
		t.Error(err)
	}
	if after, _ := os.ReadFile(path); len(after) != 5000 {
		t.Error("the unreadable file was moved")
	}
}
