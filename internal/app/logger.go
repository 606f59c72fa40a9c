package app

import (
	"io"
	"log/slog"

	kitlog "github.com/go-kit/log"
	sloggokit "github.com/tjhop/slog-gokit"

	"omegastream_exporter/internal/config"
)

// NewLogger returns the logger of the process: slog at the call sites, lines
// written by go-kit/log. slog-gokit adds time, level and caller itself.
func NewLogger(w io.Writer, c config.Log) *slog.Logger {
	var level slog.Level
	// The flag admits only names that slog knows, and info is the zero level.
	_ = level.UnmarshalText([]byte(c.Level))

	w = kitlog.NewSyncWriter(w)
	logger := kitlog.NewLogfmtLogger(w)
	if c.Format == "json" {
		logger = plainValues(kitlog.NewJSONLogger(w))
	}
	return slog.New(sloggokit.NewGoKitHandler(logger, level))
}

// plainValues takes the slog.Value off each value: go-kit/log sees a Stringer in
// it and would turn the numbers of a JSON line into strings.
func plainValues(next kitlog.Logger) kitlog.Logger {
	return kitlog.LoggerFunc(func(keyvals ...any) error {
		for i, v := range keyvals {
			if wrapped, ok := v.(slog.Value); ok {
				keyvals[i] = wrapped.Any()
			}
		}
		return next.Log(keyvals...)
	})
}
