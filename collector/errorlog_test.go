package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/client"
)

// TestErrorLog checks which errors are worth a line of their own.
func TestErrorLog(t *testing.T) {
	t.Parallel()
	reset := func(port int) error {
		return &client.Error{Op: client.OpListEvents, Err: fmt.Errorf("%w: read tcp 10.0.0.1:%d: connection reset", client.ErrConnection, port)}
	}
	limited := func(d time.Duration) error {
		return &client.Error{StatusCode: 429, RetryAfter: d, Err: client.ErrRateLimited}
	}
	failed := func(code int) error { return &client.Error{StatusCode: code, Err: client.ErrServer} }
	a, b := subject{client.OpListEvents, endpointA}, subject{client.OpListEvents, endpointB}
	for _, tt := range []struct {
		name     string
		report   func(l *errorLog)
		warnings int
		infos    int
	}{
		{"the same again", func(l *errorLog) { l.report(a, failed(500)); l.report(a, failed(500)) }, 1, 0},
		{"another port", func(l *errorLog) { l.report(a, reset(50001)); l.report(a, reset(50002)) }, 1, 0},
		{"another pause", func(l *errorLog) { l.report(a, limited(time.Minute)); l.report(a, limited(time.Second)) }, 1, 0},
		{"another status", func(l *errorLog) { l.report(a, failed(500)); l.report(a, failed(503)) }, 2, 0},
		{"another trouble", func(l *errorLog) { l.report(a, failed(500)); l.report(a, reset(50001)) }, 2, 0},
		{"another endpoint", func(l *errorLog) { l.report(a, failed(500)); l.report(b, failed(500)) }, 2, 0},
		{"no error of the client", func(l *errorLog) { l.report(a, errors.New("x")); l.report(a, errors.New("y")) }, 2, 0},
		{"healed", func(l *errorLog) { l.report(a, failed(500)); l.healed(a); l.healed(a) }, 1, 1},
		{"healed in between", func(l *errorLog) { l.report(a, failed(500)); l.healed(a); l.report(a, failed(500)) }, 2, 1},
		{"another one healed", func(l *errorLog) { l.report(a, failed(500)); l.healed(b); l.report(a, failed(500)) }, 1, 0},
		{"our own end", func(l *errorLog) { l.report(a, &client.Error{Err: context.Canceled}) }, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			log := new(logBuffer)
			tt.report(newErrorLog(newTextLogger(log)))
			if log.count("level=WARN") != tt.warnings || log.count("level=INFO") != tt.infos {
				t.Errorf("want %d warnings and %d infos, log:\n%s", tt.warnings, tt.infos, log)
			}
			if strings.Contains(log.String(), `endpoint_id=""`) {
				t.Errorf("an empty endpoint id:\n%s", log)
			}
		})
	}
}

// An endpoint that goes while its list fails leaves nothing behind.
func TestErrorLogKeeps(t *testing.T) {
	t.Parallel()
	l := newErrorLog(slog.New(slog.DiscardHandler))
	for _, id := range []string{"", endpointA, endpointB} {
		l.report(subject{client.OpListEvents, id}, client.ErrNotFound)
	}
	l.keep(map[string]struct{}{endpointB: {}})
	var left []string
	for _, trouble := range l.troubles() {
		left = append(left, trouble.EndpointID)
	}
	if !slices.Equal(left, []string{"", endpointB}) {
		t.Errorf("troubles of %q are left", left)
	}
}
