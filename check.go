package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"omegastream_exporter/collector"
	"omegastream_exporter/internal/check"
	"omegastream_exporter/internal/ledger"
)

// runCheck verifies the set-up and writes a report to stdout.
func runCheck(ctx context.Context, cfg config, _ *slog.Logger, stdout io.Writer) error {
	if cfg.demo {
		stop, err := startDemo(&cfg)
		if err != nil {
			return err
		}
		defer stop()
	}
	api, err := newClient(cfg, nil, nil)
	if err != nil {
		return err
	}
	defer api.CloseIdleConnections()
	return check.Run(ctx, check.Setup{
		KeyFrom:  keyFrom(cfg),
		BaseURL:  cfg.api.url.String(),
		API:      api,
		ShowURL:  collector.URLDetail(cfg.webhook.urlDetail).Reduce,
		Only:     cfg.webhook.endpointIDs,
		StateURL: stateName(cfg.state),
		State:    func(ctx context.Context) (string, error) { return inspectState(ctx, cfg) },
	}, stdout)
}

// keyFrom says where the API key comes from.
func keyFrom(cfg config) string {
	switch {
	case cfg.demo:
		return "in the simulated account"
	case cfg.api.keyFile != "":
		return "in the file " + cfg.api.keyFile
	}
	return "in the environment variable " + envKey
}

// inspectState says what the configured state holds. A file that is not there is
// not made.
func inspectState(ctx context.Context, cfg config) (string, error) {
	if cfg.state.kind == stateMemory {
		return "the counters begin at 0 with every start", nil
	}
	if cfg.state.kind == stateFile {
		if _, err := os.Stat(cfg.state.path); errors.Is(err, os.ErrNotExist) {
			return "not there yet, the first start makes it", writableFolder(cfg.state.path)
		}
	}
	store, err := newStore(cfg.state)
	if err != nil {
		return "", err
	}
	view, err := ledger.Inspect(ctx, store, cfg.api.url.String(), policy(cfg))
	switch {
	case errors.Is(err, ledger.ErrInUse):
		return "in use, by an exporter that runs", nil
	case errors.Is(err, ledger.ErrUnreadable):
		return "", fmt.Errorf("%w; the next start would set it aside and begin at 0", err)
	case err != nil:
		return "", stateError(cfg.state, err)
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
