// Command omegastream_exporter exposes the webhooks of an OmegaStream account
// as Prometheus metrics: which deliveries fail, to which endpoint, for which
// event type and with which response status code.
//
// This package reads the flags, builds the logger, wires the rooms together,
// serves and drains. It knows no metric and nothing of the API.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/prometheus/common/version"
)

// program is the name in usage, errors, logs and pages.
const program = "omegastream_exporter"

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr, wired))
}

// run is the program without the process around it. It returns the exit status
// and ends early, after draining, when ctx ends or a signal asks for it.
// Flags that are not in args come from the environment.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, w wiring) int {
	command, cfg, err := parse(args, stdout, stderr)
	var done exited
	if errors.As(err, &done) {
		return int(done)
	}
	if err == nil {
		ctx, stop := untilSignal(ctx)
		defer stop()
		err = dispatch(ctx, command, cfg, newLogger(stderr, cfg.log), stdout, w)
	}
	if err != nil {
		report(stderr, err)
		return 1
	}
	return 0
}

// untilSignal returns a context that ends with SIGINT or SIGTERM. Whoever signals
// twice does not want to wait for the drain: before the context ends, the signals
// have their default effect again.
func untilSignal(parent context.Context) (ctx context.Context, stop func()) {
	signalled, release := signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithCancelCause(parent)
	context.AfterFunc(signalled, func() {
		release()
		cancel(context.Cause(signalled))
	})
	return ctx, func() {
		release()
		cancel(nil)
	}
}

// dispatch runs one command.
func dispatch(ctx context.Context, command string, cfg config, log *slog.Logger, stdout io.Writer, w wiring) error {
	switch command {
	case commandCheck:
		return w.check(ctx, cfg, log, stdout)
	case commandReset:
		return w.resetCounters(ctx, cfg, log, stdout)
	case commandCopy:
		return w.copyState(ctx, cfg, log, stdout)
	case commandHealth:
		return runHealthcheck(ctx, cfg.web, stdout)
	default:
		return runServer(ctx, cfg, log, w.build)
	}
}

// runServer serves until ctx ends. The ports come first: one that is taken ends
// the start before any state is opened or written.
func runServer(ctx context.Context, cfg config, log *slog.Logger, build buildFunc) error {
	listeners, err := listen(cfg.web.toolkit)
	if err != nil {
		return err
	}
	defer closeAll(listeners)

	app, err := build(ctx, cfg, log)
	if err != nil {
		if ctx.Err() != nil {
			log.Info("Stopped before the start was complete", "reason", context.Cause(ctx))
			return nil
		}
		return err
	}
	// Not earlier: a start that fails says so in one line and nothing else.
	log.Info("Starting "+program, "version", version.Info(), "build_context", version.BuildContext())

	err = serve(ctx, listeners, app, cfg.web, log)
	if closeErr := closeApplication(app); closeErr != nil {
		err = errors.Join(err, fmt.Errorf("closing: %w", closeErr))
	}
	if err == nil {
		log.Info("Stopped")
	}
	return err
}

// report writes one line for each problem in err.
func report(w io.Writer, err error) {
	problems := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		problems = joined.Unwrap()
	}
	for _, p := range problems {
		// Messages of libraries may span lines (YAML) or carry what was typed.
		line := strings.Join(strings.Fields(p.Error()), " ")
		fmt.Fprintf(w, "%s: %s\n", program, line)
	}
}
