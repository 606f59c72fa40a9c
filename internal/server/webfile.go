package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"omegastream_exporter/internal/config"
)

// webFile logs when the file of --web.config.file becomes invalid while the server runs.
// exporter-toolkit reads it again for each request and each TLS connection, and its errors
// quote values of the file. A webFile is safe for concurrent use.
type webFile struct {
	name string // empty without a file
	log  *slog.Logger

	mu     sync.Mutex
	broken bool
}

// refused is called after a refused request or connection, perhaps because the file is
// invalid.
func (f *webFile) refused() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken {
		return
	}
	if err := config.CheckWebFile(f.name); err != nil {
		f.broken = true
		f.log.Error("The file of --web.config.file is invalid; requests are refused until it is fixed", "err", err)
	}
}

// passed is called after an accepted request.
func (f *webFile) passed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken && config.CheckWebFile(f.name) == nil {
		f.broken = false
		f.log.Info("The file of --web.config.file is valid again")
	}
}

// watch calls f for the requests that exporter-toolkit accepts.
func (f *webFile) watch(next http.Handler) http.Handler {
	if f.name == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.passed()
		next.ServeHTTP(w, r)
	})
}

// startError is the error of a server that exporter-toolkit could not start.
func (f *webFile) startError(err error) error {
	if err == nil || errors.Is(err, http.ErrServerClosed) {
		return err
	}
	if wrong := config.CheckWebFile(f.name); wrong != nil {
		return fmt.Errorf("--web.config.file: %w", wrong)
	}
	return err
}

// toolkitLog is the log of exporter-toolkit. Its errors are about the file.
type toolkitLog struct {
	slog.Handler
	file *webFile
}

func (h toolkitLog) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError {
		h.file.refused()
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// serverLog is the log of http.Server. Errors that any client can cause, such as broken TLS
// handshakes, are logged at level debug, and panics as warnings.
type serverLog struct {
	slog.Handler
	file *webFile
}

func (h serverLog) Handle(ctx context.Context, r slog.Record) error {
	if !strings.HasPrefix(r.Message, "http: panic") {
		r.Level = slog.LevelDebug
	}
	if match := handshake.FindStringSubmatch(r.Message); match != nil && h.file.name != "" {
		h.file.refused()
		if !ofTheClient.MatchString(match[2]) {
			r.Message = match[1]
		}
	}
	if !h.Enabled(ctx, r.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// handshake matches the error of a failed handshake, and its reason.
var handshake = regexp.MustCompile(`(?s)^(http: TLS handshake error from \S+): (.*)$`)

// ofTheClient matches reasons that come from the client or the network. All others can quote
// a value of the file.
var ofTheClient = regexp.MustCompile(`^(?:EOF|tls|remote error|local error|read|write|client sent)\b`)
