package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"omegastream_exporter/internal/ledger"
)

// openBook opens the state and the ledger in it.
func openBook(ctx context.Context, cfg config, watcher ledger.Watcher, log *slog.Logger) (*ledger.Book, error) {
	store, err := newStore(cfg.state)
	if err != nil {
		return nil, err
	}
	book, opening, err := ledger.Open(ctx, store, cfg.api.url.String(), policy(cfg), watcher)
	if err != nil {
		return nil, stateError(cfg.state, err)
	}
	if opening.SetAside != "" {
		log.Error("The state could not be read: it was set aside and the counters begin at 0",
			"err", opening.Cause, "set_aside", opening.SetAside)
	}
	return book, nil
}

// policy returns what the flags say of the ledger.
func policy(cfg config) ledger.Policy {
	return ledger.Policy{
		Window:          cfg.collector.window,
		Overlap:         cfg.collector.overlap,
		NoResponseAfter: cfg.collector.noResponseAfter,
		Hold:            cfg.collector.holdNewSeries,
		KeepBodies:      cfg.web.showBody,
		Endpoints:       cfg.webhook.endpointIDs,
	}
}

// newStore returns the store that a state URL names; it is opened later.
func newStore(c stateConfig) (ledger.Store, error) {
	switch c.kind {
	case stateMemory:
		return ledger.NewMemory(), nil
	case statePostgres:
		store, err := ledger.NewPostgres(c.dsn.reveal(), c.schema)
		if err != nil {
			return nil, fmt.Errorf("--state.url: %w", err)
		}
		return store, nil
	default:
		return ledger.NewFile(c.path), nil
	}
}

// stateName is the state's URL as it may be shown.
func stateName(c stateConfig) string {
	switch c.kind {
	case stateFile:
		return "file:" + c.path
	case stateMemory:
		return "memory:"
	case statePostgres:
	}
	return ledger.PostgresName(c.dsn.reveal(), c.schema)
}

// stateMends say what to do about a state that cannot be opened, by where it is kept.
// The first row that fits counts; the last one fits all.
var stateMends = []struct {
	err            error
	file, postgres string
}{
	{ledger.ErrInUse, "stop the other process or give each its own file", ""},
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
	{ledger.ErrNoCounters, "name another --state.url", "name another --state.url or --state.schema"},
	{ledger.ErrNotEmpty, "name another --state.url", "name another --state.url or --state.schema"},
	{
		nil, "check the path, its permissions and the space on its disk",
		"check user, password and database, and that the user has CREATE on it or a schema of its own (docs/operating.md)",
	},
}

// stateError says of a state that cannot be opened what to do about it.
func stateError(c stateConfig, err error) error {
	for _, m := range stateMends {
		mend := m.file
		if c.kind == statePostgres {
			mend = m.postgres
		}
		if mend != "" && (m.err == nil || errors.Is(err, m.err)) {
			return fmt.Errorf("--state.url: %s: %w; %s", shownState(c), err, mend)
		}
	}
	return err
}

// readableState returns an error unless there is a state that can be read as it is.
func readableState(ctx context.Context, cfg config) error {
	store, err := newStore(cfg.state)
	if err != nil {
		return err
	}
	view, err := ledger.Inspect(ctx, store, cfg.api.url.String(), policy(cfg))
	if err == nil && view == nil {
		err = ledger.ErrNoCounters
	}
	if err != nil {
		return stateError(cfg.state, err)
	}
	return nil
}

// resetCounters starts the counters of the state at 0.
func resetCounters(ctx context.Context, cfg config, _ *slog.Logger, stdout io.Writer) error {
	if _, err := os.Stat(cfg.state.path); cfg.state.kind == stateFile && err != nil {
		return fmt.Errorf("--state.url: %w; there are no counters to reset", err)
	}
	// What cannot be read has no counters to reset: it is left for people to look at.
	if err := readableState(ctx, cfg); err != nil {
		return err
	}
	store, err := newStore(cfg.state)
	if err != nil {
		return err
	}
	if err := ledger.ResetCounters(ctx, store, cfg.api.url.String(), policy(cfg), time.Now()); err != nil {
		return stateError(cfg.state, err)
	}
	_, err = fmt.Fprintf(stdout, "The counters in %s begin at 0 again. What was seen stays seen.\n", shownState(cfg.state))
	return err
}

// shownState names a state for people: a file by its path.
func shownState(c stateConfig) string {
	if c.kind == stateFile {
		return c.path
	}
	return stateName(c)
}

// copyState copies a state into another one, which is empty: counters go on in it
// where they stand.
func copyState(ctx context.Context, cfg config, _ *slog.Logger, stdout io.Writer) error {
	if _, err := os.Stat(cfg.from.path); cfg.from.kind == stateFile && err != nil {
		return fmt.Errorf("--from: %w; name the state to copy", err)
	}
	from, err := newStore(cfg.from)
	if err != nil {
		return err
	}
	to, err := newStore(cfg.state)
	if err != nil {
		return errors.Join(err, from.Close())
	}
	copied, err := ledger.Copy(ctx, from, to, cfg.api.url.String())
	if source := (*ledger.SourceError)(nil); errors.As(err, &source) {
		return fmt.Errorf("--from: %s: %w; stop the exporter that has it open, or name another one", shownState(cfg.from), source.Err)
	}
	if err != nil {
		return stateError(cfg.state, err)
	}
	_, err = fmt.Fprintf(stdout, "Copied %d endpoints and %d events from %s to %s. Start exporters on the copy only.\n",
		copied.Endpoints, copied.Events, shownState(cfg.from), shownState(cfg.state))
	return err
}
