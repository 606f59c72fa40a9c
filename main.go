// Command omegastream_exporter exposes the webhooks of an OmegaStream account
// as Prometheus metrics: which deliveries fail, to which endpoint, for which
// event type and with which response status code.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"omegastream_exporter/internal/app"
	"omegastream_exporter/internal/command"
	"omegastream_exporter/internal/config"
	"omegastream_exporter/internal/server"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run runs the program, and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	name, cfg, err := config.Parse(args, stdout, stderr)
	if exit := config.ExitError(0); errors.As(err, &exit) {
		return int(exit)
	}
	if err == nil {
		ctx, stop := untilSignal(context.Background())
		defer stop()
		err = dispatch(ctx, name, cfg, stdout, stderr)
	}
	if err != nil {
		config.Report(stderr, err)
		return 1
	}
	return 0
}

// dispatch runs one command.
func dispatch(ctx context.Context, name config.Command, cfg config.Config, stdout, stderr io.Writer) error {
	switch name {
	case config.Check:
		return command.Check(ctx, cfg, stdout)
	case config.ResetCounters:
		return command.ResetCounters(ctx, cfg, os.Stdin, stdout)
	case config.CopyState:
		return command.CopyState(ctx, cfg, stdout)
	case config.Healthcheck:
		return command.Healthcheck(ctx, cfg.Web, stdout)
	default:
		// A stderr without a reader must not end the exporter.
		signal.Ignore(syscall.SIGPIPE)
		log := app.NewLogger(stderr, cfg.Log)
		app.LimitMemory(log)
		return server.Run(ctx, cfg.Web, log, func(ctx context.Context) (*server.Application, error) {
			return app.Build(ctx, cfg, log)
		})
	}
}

// untilSignal returns a context that ends with SIGINT, SIGTERM or SIGHUP, but not with
// a SIGHUP that nohup ignores. A second signal does not wait for the drain, because the
// signals get their default effect back before the context ends.
func untilSignal(parent context.Context) (ctx context.Context, stop func()) {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	signalled, release := signal.NotifyContext(parent, signals...)
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
