package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"omegastream_exporter/internal/app"
	"omegastream_exporter/internal/config"
	"omegastream_exporter/internal/ledger"
)

// inspectState says what the configured state holds. A file that is not there is
// not made.
func inspectState(ctx context.Context, cfg config.Config) (string, error) {
	if cfg.State.InMemory() {
		return "the counters begin at 0 with every start", nil
	}
	if path, ok := cfg.State.File(); ok && errors.Is(missing(cfg.State), fs.ErrNotExist) {
		return "not there yet, the first start makes it", writableFolder(path)
	}
	store, err := cfg.State.Store()
	if err != nil {
		return "", err
	}
	view, err := ledger.Inspect(ctx, store, cfg.API.URL.String(), app.Policy(cfg))
	switch {
	case errors.Is(err, ledger.ErrInUse):
		return "in use, by an exporter that runs", nil
	case errors.Is(err, ledger.ErrUnreadable):
		return "", fmt.Errorf("%w; the next start would set it aside and begin at 0", err)
	case err != nil:
		return "", app.StateError(cfg.State, err)
	case view == nil:
		return "empty, the first start fills it", nil
	}
	tracked := 0
	for _, e := range view.Endpoints {
		tracked += e.Tracked
	}
	return fmt.Sprintf("%d endpoints, %d events, begun %s",
		len(view.Endpoints), tracked, view.Created.UTC().Format("2006-01-02 15:04 MST")), nil
}

// writableFolder returns an error unless a file can be made at path, or the folders
// for it.
func writableFolder(path string) error {
	folder := filepath.Dir(path)
	for {
		if _, err := os.Stat(folder); err == nil || folder == filepath.Dir(folder) {
			break
		}
		folder = filepath.Dir(folder)
	}
	probe, err := os.CreateTemp(folder, ".omegastream_exporter-*")
	if err != nil {
		return fmt.Errorf("--state.url: no file can be made: %w; change its owner or mode, or name another file", err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}
