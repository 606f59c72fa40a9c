package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"omegastream_exporter/internal/app"
	"omegastream_exporter/internal/config"
	"omegastream_exporter/internal/state"
)

// stateFlag names the state that a command works on.
const stateFlag = "--state.url"

// readableState returns an error unless there is a state that can be read as it is.
func readableState(ctx context.Context, cfg config.Config) error {
	store, err := cfg.State.Store()
	if err != nil {
		return err
	}
	view, err := state.Inspect(ctx, store, cfg.API.URL.String(), app.Policy(cfg))
	if err == nil && view == nil {
		err = state.ErrNoCounters
	}
	if err != nil {
		return app.StateError(stateFlag, cfg.State, err)
	}
	return nil
}

// ResetCounters starts the counters of the state at 0. If an exporter uses the state and
// stdin is a terminal, it asks for confirmation.
func ResetCounters(ctx context.Context, cfg config.Config, stdin *os.File, stdout io.Writer) error {
	if err := missing(cfg.State); err != nil {
		return fmt.Errorf("--state.url: %w; it has no counters to reset", err)
	}
	// A state that cannot be read has no counters to reset; people can still look at it.
	if err := readableState(ctx, cfg); err != nil {
		return err
	}
	store, err := cfg.State.Store()
	if err != nil {
		return err
	}
	if err := confirmReset(ctx, cfg, store, stdin, stdout); err != nil {
		return errors.Join(err, store.Close())
	}
	if err := state.ResetCounters(ctx, store, cfg.API.URL.String(), app.Policy(cfg), time.Now()); err != nil {
		return app.StateError(stateFlag, cfg.State, err)
	}
	_, err = fmt.Fprintf(stdout, "The counters in %s start at 0 again. Known events are not counted again.\n", cfg.State.Where())
	return err
}

// confirmReset returns an error unless the user confirms the reset while an exporter uses
// the state.
func confirmReset(ctx context.Context, cfg config.Config, store state.Store, stdin *os.File, stdout io.Writer) error {
	shared, ok := store.(state.InUser)
	if !ok || cfg.Yes {
		return nil
	}
	used, err := shared.InUse(ctx)
	if err != nil {
		return app.StateError(stateFlag, cfg.State, err)
	}
	if !used {
		return nil
	}
	running := "an exporter works on " + cfg.State.Where()
	if !isTerminal(stdin) {
		return fmt.Errorf("%s: stop it first, or reset its counters while it runs with --yes", running)
	}
	return ask(stdin, stdout, running+". Reset its counters while it runs?")
}

// isTerminal reports whether somebody can answer.
func isTerminal(file *os.File) bool {
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

var errNotConfirmed = errors.New("nothing was changed")

// ask returns an error unless the answer to a question is yes.
func ask(in io.Reader, out io.Writer, question string) error {
	if _, err := fmt.Fprintf(out, "%s [y/N] ", question); err != nil {
		return err
	}
	answer, _ := bufio.NewReader(in).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errNotConfirmed
}

// CopyState copies a state into an empty one. The counters keep their values.
func CopyState(ctx context.Context, cfg config.Config, stdout io.Writer) error {
	if err := missing(cfg.From); err != nil {
		return fmt.Errorf("--from: %w; name the state to copy", err)
	}
	from, err := cfg.From.Store()
	if err != nil {
		return err
	}
	to, err := cfg.State.Store()
	if err != nil {
		return errors.Join(err, from.Close())
	}
	copied, err := state.Copy(ctx, from, to, cfg.API.URL.String())
	if source := (*state.SourceError)(nil); errors.As(err, &source) {
		return app.StateError("--from", cfg.From, source.Err)
	}
	if err != nil {
		return app.StateError(stateFlag, cfg.State, err)
	}
	_, err = fmt.Fprintf(stdout, "Copied %d endpoints and %d events from %s to %s. Start exporters on the copy only.\n",
		copied.Endpoints, copied.Events, cfg.From.Where(), cfg.State.Where())
	return err
}

// missing returns an error if the state is a file that does not exist.
func missing(s config.State) error {
	path, ok := s.File()
	if !ok {
		return nil
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
