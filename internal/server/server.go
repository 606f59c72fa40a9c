// Package server listens, answers requests until it is stopped, and drains.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/common/version"

	"omegastream_exporter/internal/config"
)

// Application contains the handlers that the server serves.
type Application struct {
	// Metrics answers on --web.telemetry-path. The context of its requests ends when the
	// client disconnects, and at the end of a drain, when it must answer with what it has.
	Metrics http.Handler

	// Pages answers on all other paths. It does not call the API.
	Pages http.Handler

	// Close stops background work, and flushes and closes the state. It gives up when ctx
	// ends.
	Close func(ctx context.Context) error
}

// Run serves what build returns until ctx ends, and closes it. It opens the ports first, so
// that a taken port fails the start before build opens or writes a state. build must give up
// when ctx ends, and leave nothing open if it returns an error.
func Run(ctx context.Context, c config.Web, log *slog.Logger, build func(context.Context) (*Application, error)) error {
	listeners, err := listen(c)
	if err != nil {
		return err
	}
	defer closeAll(listeners)

	app, err := build(ctx)
	if err != nil {
		if ctx.Err() != nil {
			log.Info("Stopped before the start was complete", "reason", context.Cause(ctx))
			return nil
		}
		return err
	}
	// Only now, because a failed start must write a single line that says why.
	log.Info("Starting omegastream_exporter", "version", version.Info(), "build_context", version.BuildContext())

	err = serve(ctx, listeners, app, c, log)
	if closeErr := closeApplication(app); closeErr != nil {
		err = errors.Join(err, fmt.Errorf("closing: %w", closeErr))
	}
	if err == nil {
		log.Info("Stopped")
	}
	return err
}

// closeApplication closes app, and does not wait if it ignores its deadline: everything shown
// is durable, and the exit must be in time.
func closeApplication(app *Application) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	closed := make(chan error, 1)
	go func() { closed <- app.Close(ctx) }()
	late := time.NewTimer(closeGrace + leaveGrace)
	defer late.Stop()
	select {
	case err := <-closed:
		return err
	case <-late.C:
		return context.DeadlineExceeded
	}
}
