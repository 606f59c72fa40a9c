package syncer

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

// TestProblems checks which errors are worth a line of their own.
func TestProblems(t *testing.T) {
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
		report   func(p *problems)
		warnings int
		infos    int
	}{
		{"the same again", func(p *problems) { p.report(a, failed(500)); p.report(a, failed(500)) }, 1, 0},
		{"another port", func(p *problems) { p.report(a, reset(50001)); p.report(a, reset(50002)) }, 1, 0},
		{"another pause", func(p *problems) { p.report(a, limited(time.Minute)); p.report(a, limited(time.Second)) }, 1, 0},
		{"another status", func(p *problems) { p.report(a, failed(500)); p.report(a, failed(503)) }, 2, 0},
		{"another problem", func(p *problems) { p.report(a, failed(500)); p.report(a, reset(50001)) }, 2, 0},
		{"another endpoint", func(p *problems) { p.report(a, failed(500)); p.report(b, failed(500)) }, 2, 0},
		{"no error of the client", func(p *problems) { p.report(a, errors.New("x")); p.report(a, errors.New("y")) }, 2, 0},
		{"healed", func(p *problems) { p.report(a, failed(500)); p.healed(a); p.healed(a) }, 1, 1},
		{"healed in between", func(p *problems) { p.report(a, failed(500)); p.healed(a); p.report(a, failed(500)) }, 2, 1},
		{"another one healed", func(p *problems) { p.report(a, failed(500)); p.healed(b); p.report(a, failed(500)) }, 1, 0},
		{"our own end", func(p *problems) { p.report(a, &client.Error{Err: context.Canceled}) }, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			log := new(logBuffer)
			tt.report(newProblems(newTextLogger(log)))
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
func TestProblemsOfEndpointsThatAreGone(t *testing.T) {
	t.Parallel()
	p := newProblems(slog.New(slog.DiscardHandler))
	for _, id := range []string{"", endpointA, endpointB} {
		p.report(subject{client.OpListEvents, id}, client.ErrNotFound)
	}
	p.keep(map[string]struct{}{endpointB: {}})
	var left []string
	for _, one := range p.all() {
		left = append(left, one.EndpointID)
	}
	if !slices.Equal(left, []string{"", endpointB}) {
		t.Errorf("problems of %q are left", left)
	}
}
