package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"omegastream_exporter/internal/app"
	"omegastream_exporter/internal/config"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
)

// lateAfter is how old an event without a fetched outcome can be, as in the rules.
const lateAfter = 10 * time.Minute

// inspectState describes the configured state and checks that a start could write to it. It
// does not create a missing file. It calls warn for endpoints with mostly failed deliveries,
// and for those whose outcomes were late.
func inspectState(ctx context.Context, cfg config.Config, warn func(format string, args ...any)) (string, error) {
	if cfg.State.InMemory() {
		return "counters start at 0 with every start", nil
	}
	if missing(cfg.State) != nil {
		if err := probeState(ctx, cfg.State); err != nil {
			return "", app.StateError(stateFlag, cfg.State, err)
		}
		return "does not exist yet, the first start creates it", nil
	}
	store, err := cfg.State.Store()
	if err != nil {
		return "", err
	}
	view, err := state.Inspect(ctx, store, cfg.API.URL.String(), app.Policy(cfg))
	if err == nil {
		err = probeState(ctx, cfg.State)
	}
	switch {
	case errors.Is(err, state.ErrInUse):
		return "in use by a running exporter", nil
	case errors.Is(err, ledger.ErrUnreadable):
		return "", fmt.Errorf("%w; the next start would set it aside and start the counters at 0", err)
	case err != nil:
		return "", app.StateError(stateFlag, cfg.State, err)
	case view == nil:
		return "empty, the first start fills it", nil
	}
	tracked := 0
	for _, e := range view.Endpoints {
		tracked += e.Tracked
		if late := e.LastSync.Sub(time.Unix(e.OldestUnfetched, 0)); e.OldestUnfetched != 0 && late > lateAfter {
			what := fmt.Sprintf("%d deliveries", e.Backlog)
			if e.Backlog == 1 {
				what = "1 delivery"
			}
			warn("endpoint %s: the exporter was behind when it last wrote the state: it did not know the outcome of %s, the oldest created %d minutes before",
				e.ID, what, int(late.Minutes()))
		}
		if failed, all := failedOf(e); 2*failed > all {
			warn("endpoint %s: %d of the %d deliveries in the window failed, according to the state", e.ID, failed, all)
		}
	}
	return fmt.Sprintf("%d endpoints, %d events, created %s",
		len(view.Endpoints), tracked, view.Created.UTC().Format("2006-01-02 15:04 MST")), nil
}

// failedOf counts the deliveries of an endpoint in the window.
func failedOf(e *ledger.EndpointView) (failed, all int) {
	for _, w := range e.Window {
		all += w.Count
		if !w.Code.Success() {
			failed += w.Count
		}
	}
	return failed, all
}

// probeState returns an error unless a start could write into the state.
func probeState(ctx context.Context, s config.State) error {
	store, err := s.Store()
	if err != nil {
		return err
	}
	if p, ok := store.(state.Prober); ok {
		err = p.Probe(ctx)
	}
	return errors.Join(err, store.Close())
}
