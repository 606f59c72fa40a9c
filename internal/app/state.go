package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"omegastream_exporter/internal/config"
	"omegastream_exporter/internal/ledger"
)

// openBook opens the state and the ledger in it.
func openBook(ctx context.Context, cfg config.Config, watcher ledger.Watcher, log *slog.Logger) (*ledger.Book, error) {
	store, err := cfg.State.Store()
	if err != nil {
		return nil, err
	}
	if file, ok := store.(*ledger.File); ok {
		file.Rewritten = func(path string) {
			log.Warn("State file was gone, the whole state is written to its path anew", "path", path)
		}
	}
	book, opening, err := ledger.Open(ctx, store, cfg.API.URL.String(), Policy(cfg), watcher)
	if err != nil {
		return nil, StateError("--state.url", cfg.State, err)
	}
	if opening.SetAside != "" {
		log.Error("The state could not be read: it was set aside and the counters begin at 0",
			"err", opening.Cause, "set_aside", opening.SetAside)
	}
	if opening.Soon {
		log.Warn("The exporter was started within --collector.hold-new-series of its last start: until a complete scrape and that time have passed, counters stay as they were",
			"hold", cfg.Collector.HoldNewSeries)
	}
	return book, nil
}

// Policy returns what the flags say of the ledger.
func Policy(cfg config.Config) ledger.Policy {
	return ledger.Policy{
		Window:          cfg.Collector.Window,
		Overlap:         cfg.Collector.Overlap,
		NoResponseAfter: cfg.Collector.NoResponseAfter,
		Hold:            cfg.Collector.HoldNewSeries,
		CountSince:      cfg.Collector.CountSince,
		MaxBacklog:      cfg.Collector.MaxBacklog,
		KeepBodies:      cfg.Web.ShowBody,
		Endpoints:       cfg.Webhook.EndpointIDs,
	}
}

// stateMends say what to do about a state that cannot be opened, by where it is kept.
// The first row that fits counts; the last one fits all.
var stateMends = []struct {
	err            error
	file, postgres string
}{
	{
		ledger.ErrForeign, "it was not touched; name another file, or memory: for a state that is not kept",
		"name another --state.schema",
	},
	{ledger.ErrDangling, "make what it leads to, or name another file", ""},
	{ledger.ErrInUse, "stop the exporter that has it open, or give each its own file", ""},
	{ledger.ErrReadOnly, "", "name the server that takes writes, or all of them with target_session_attrs=read-write"},
	{ledger.ErrTooMany, "", "raise max_connections of the server, or put a pooler before it"},
	{ledger.ErrStatementTimeout, "", "raise statement_timeout for the exporter's role, or find what holds the tables up"},
	{ledger.ErrUnreachable, "", "check that the server runs and can be reached from here"},
	{
		ledger.ErrUnreadable, "restore a backup, or move it away; a start would set it aside and begin at 0",
		"restore a backup, or name another --state.schema",
	},
	{ledger.ErrNewer, "run that version, or name another file", "run that version, or name another --state.schema"},
	{
		ledger.ErrOtherAccount, "name that --api.url, or give each account its own file",
		"name that --api.url, or give each account its own --state.schema",
	},
	{ledger.ErrNoCounters, "name the one that an exporter has used", "name the one that an exporter has used, or another --state.schema"},
	{ledger.ErrNotEmpty, "name another --state.url", "name another --state.url or --state.schema"},
	{
		nil, "check the path, its permissions and the space on its disk",
		"check user, password and database, and that the user has CREATE on it or a schema of its own (docs/operating.md)",
	},
}

// StateError says of a state that cannot be opened what to do about it. The flag is the
// one that names the state.
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
