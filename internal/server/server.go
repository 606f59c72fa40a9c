// Package server listens, answers requests until it is told to end, and drains.
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

// Application has the handlers that the server serves.
type Application struct {
	// Metrics answers on --web.telemetry-path. Its requests' context ends when
	// the client leaves, and at the end of a drain: then it answers with what
	// it has.
	Metrics http.Handler

	// Pages answers on all other paths. It calls no API.
	Pages http.Handler

	// Close stops the work in the background, flushes and closes the state. It
	// gives up when ctx ends.
	Close func(ctx context.Context) error
}

// Run serves what build makes until ctx ends, and closes it. The ports come first:
// one that is taken ends the start before build has opened or written a state. When
// ctx ends, build gives up. With an error, it leaves nothing open.
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
	// Not earlier: a start that fails says so in one line and nothing else.
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

// closeApplication closes app and does not wait for one that ignores its
// deadline: everything that was shown is durable, and the exit must be in time.
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
