package main

import (
	"io"
	"log/slog"

	kitlog "github.com/go-kit/log"
	sloggokit "github.com/tjhop/slog-gokit"
)

// newLogger returns the logger of the process: slog at the call sites, lines
// written by go-kit/log. slog-gokit adds time, level and caller itself.
func newLogger(w io.Writer, c logConfig) *slog.Logger {
	var level slog.Level
	// The flag admits only names that slog knows, and info is the zero level.
	_ = level.UnmarshalText([]byte(c.level))

	w = kitlog.NewSyncWriter(w)
	logger := kitlog.NewLogfmtLogger(w)
	if c.format == "json" {
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
