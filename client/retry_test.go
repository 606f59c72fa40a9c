package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestShouldRetry(t *testing.T) {
	t.Parallel()
	answered := func(code int, retryAfter time.Duration) *Error {
		return &Error{StatusCode: code, RetryAfter: retryAfter, Err: kindOf(code)}
	}
	lost := func(err error) *Error { return &Error{Err: fmt.Errorf("%w: %w", ErrConnection, err)} }
	for _, tt := range []struct {
		name    string
		attempt int
		err     *Error
		want    bool
	}{
		{"connection", 1, lost(errors.New("refused")), true},
		{"connection, second", 2, lost(errors.New("refused")), true},
		{"connection, last", 3, lost(errors.New("refused")), false},
		{"certificate", 1, lost(&tls.CertificateVerificationError{}), false},
		{"timeout", 1, &Error{Err: ErrTimeout}, false},
		{"caller", 1, &Error{Err: context.DeadlineExceeded}, false},
		{"payload", 1, &Error{StatusCode: 200, Err: ErrBadPayload}, false},
		{"size", 1, &Error{StatusCode: 200, Err: ErrTooLarge}, false},
		{"paused", 1, &Error{RetryAfter: time.Second, Err: ErrRateLimited}, false},
		{"429", 1, answered(429, 0), true},
		{"429, last", 3, answered(429, 0), false},
		{"429, 10 s", 1, answered(429, 10*time.Second), true},
		{"429, more than 10 s", 1, answered(429, 10*time.Second+1), false},
		{"500", 1, answered(500, 0), true},
		{"502", 1, answered(502, 0), true},
		{"503", 1, answered(503, 0), true},
		{"503, more than 10 s", 1, answered(503, time.Minute), false},
		{"504", 1, answered(504, 0), true},
		{"501", 1, answered(501, 0), false},
		{"505", 1, answered(505, 0), false},
		{"301", 1, answered(301, 0), false},
		{"400", 1, answered(400, 0), false},
		{"401", 1, answered(401, 0), false},
		{"403", 1, answered(403, 0), false},
		{"403, 10 s", 1, answered(403, 10*time.Second), true},
		{"403, last", 3, answered(403, time.Second), false},
		{"403, more than 10 s", 1, answered(403, time.Minute), false},
		{"404", 1, answered(404, 0), false},
		{"410", 1, answered(410, 0), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := shouldRetry(tt.attempt, tt.err); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestDelays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		delays := newDelays()
		first, second := delays.NextBackOff(), delays.NextBackOff()
		if first < 250*time.Millisecond || first > 750*time.Millisecond || second < 500*time.Millisecond || second > 1500*time.Millisecond {
			t.Fatal(first, second)
		}
	})
}
