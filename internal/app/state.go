package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"omegastream_exporter/internal/config"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/file"
)

// openState opens the state and the ledger in it.
func openState(ctx context.Context, cfg config.Config, watcher state.Watcher, log *slog.Logger) (*state.State, error) {
	store, err := cfg.State.Store()
	if err != nil {
		return nil, err
	}
	if kept, ok := store.(*file.Store); ok {
		kept.Rewritten = func(path string) {
			log.Warn("State file was removed; writing the whole state to its path again", "path", path)
		}
	}
	st, opening, err := state.Open(ctx, store, cfg.API.URL.String(), Policy(cfg), watcher)
	if err != nil {
		return nil, StateError("--state.url", cfg.State, err)
	}
	if opening.SetAside != "" {
		log.Error("The state could not be read; set it aside and started the counters at 0",
			"err", opening.Cause, "set_aside", opening.SetAside)
	}
	if opening.Soon {
		log.Warn("The exporter started within --collector.hold-new-series of its last start; counters keep their values until a complete scrape has shown them for that long",
			"hold", cfg.Collector.HoldNewSeries)
	}
	return st, nil
}

// Policy returns the ledger's settings from the flags.
func Policy(cfg config.Config) ledger.Policy {
	return ledger.Policy{
		Window:          cfg.Collector.Window,
		Overlap:         cfg.Collector.Overlap,
		NoResponseAfter: cfg.Collector.NoResponseAfter,
		Hold:            cfg.Collector.HoldNewSeries,
		CountSince:      cfg.Collector.CountSince,
		MaxBacklog:      cfg.Collector.MaxBacklog,
		ShowBody:        cfg.Web.ShowBody,
		Endpoints:       cfg.Webhook.EndpointIDs,
	}
}

// stateMends are the advice for a state that cannot be opened, for each kind of store.
// The first row that matches counts; the last one matches everything.
var stateMends = []struct {
	err            error
	file, postgres string
}{
	{
		state.ErrForeign, "it was not touched; name another file, or memory: to keep no state",
		"name another --state.schema",
	},
	{state.ErrDangling, "create its target, or name another file", ""},
	{state.ErrInUse, "stop the exporter that has it open, or give each exporter its own file", ""},
	{state.ErrReadOnly, "", "name the server that accepts writes, or all of them with target_session_attrs=read-write"},
	{state.ErrTooMany, "", "raise max_connections of the server, or put a pooler in front of it"},
	{state.ErrStatementTimeout, "", "raise statement_timeout for the exporter's role, or find out what blocks the tables"},
	{state.ErrUnreachable, "", "check that the server runs and that this host can reach it"},
	{
		ledger.ErrUnreadable, "restore a backup, or move it away; a start would set it aside and start the counters at 0",
		"restore a backup, or name another --state.schema",
	},
	{state.ErrNewer, "run that version, or name another file", "run that version, or name another --state.schema"},
	{
		ledger.ErrOtherAccount, "use that --api.url, or give each account its own file",
		"use that --api.url, or give each account its own --state.schema",
	},
	{state.ErrNoCounters, "name the one that an exporter has used", "name the one that an exporter has used, or another --state.schema"},
	{state.ErrNotEmpty, "name another --state.url", "name another --state.url or --state.schema"},
	{
		nil, "check the path, its permissions and the space on its disk",
		"check user, password and database, and that the user has CREATE on it or a schema of its own (docs/replicas.md)",
	},
}

// StateError adds advice to the error of a state that cannot be opened. flag is the flag
// that names the state.
func StateError(flag string, s config.State, err error) error {
	for _, m := range stateMends {
		mend := m.file
		if s.Shared() {
			mend = m.postgres
		}
		if mend != "" && (m.err == nil || errors.Is(err, m.err)) {
			return fmt.Errorf("%s: %s: %w; %s", flag, s.Where(), err, mend)
		}
	}
	return err
}
