package app

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"omegastream_exporter/internal/config"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
)

// If a state in PostgreSQL cannot be opened, the error says why and what to do.
func TestStateErrorOfPostgres(t *testing.T) {
	t.Parallel()
	_, cfg, err := config.Parse([]string{"state", "reset-counters", "--state.url=postgres://exporter@db.example/monitoring"}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	said := errors.New("what the server said")
	passing := func(cause error) error { return fmt.Errorf("%w: %w: %w", state.ErrUnreachable, cause, said) }
	for name, row := range map[string]struct {
		err  error
		mend string
	}{
		"a read-only server":      {passing(state.ErrReadOnly), "target_session_attrs=read-write"},
		"no connection left":      {passing(state.ErrTooMany), "raise max_connections"},
		"a statement ended early": {passing(state.ErrStatementTimeout), "raise statement_timeout"},
		"no answer":               {fmt.Errorf("%w: %w", state.ErrUnreachable, said), "check that the server runs"},
		"another program's":       {fmt.Errorf("%w: %w", state.ErrForeign, said), "name another --state.schema"},
		"a newer version's":       {fmt.Errorf("%w: %w", state.ErrNewer, said), "run that version"},
		"another account's":       {fmt.Errorf("%w: %w", ledger.ErrOtherAccount, said), "give each account its own --state.schema"},
		"no rights, or no user":   {said, "check user, password and database, and that the user has CREATE"},
	} {
		got := StateError("--from", cfg.State, row.err).Error()
		if !strings.HasPrefix(got, "--from: postgres://db.example:5432/monitoring, schema omegastream_exporter: ") ||
			!strings.Contains(got, row.err.Error()+"; ") || !strings.Contains(got, row.mend) {
			t.Errorf("%s: %s", name, got)
		}
	}
}
