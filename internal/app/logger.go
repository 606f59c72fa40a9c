package app

import (
	"io"
	"log/slog"
	"strings"
	"unicode"

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
		logger = kitlog.NewJSONLogger(w)
	}
	return slog.New(sloggokit.NewGoKitHandler(plainValues(logger), level))
}

// plainValues takes the slog.Value off each value: go-kit/log sees a Stringer in
// it and would turn the numbers of a JSON line into strings. Texts get no characters
// that a terminal obeys.
func plainValues(next kitlog.Logger) kitlog.Logger {
	return kitlog.LoggerFunc(func(keyvals ...any) error {
		for i, v := range keyvals {
			if wrapped, ok := v.(slog.Value); ok {
				v = wrapped.Any()
			}
			switch text := v.(type) {
			case string:
				v = printable(text)
			case error:
				v = printable(text.Error())
			}
			keyvals[i] = v
		}
		return next.Log(keyvals...)
	})
}

// printable leaves the line breaks and the like to the formats, which escape them.
func printable(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return r >= ' ' && !unicode.IsPrint(r) }) {
		return config.Printable(text)
	}
	return text
}
