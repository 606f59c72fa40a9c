package client

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"

	"omegastream_exporter/internal/ratelimit"
)

// maxAttempts is the number of requests that one call makes at most, not counting
// the one after a change of the key.
const maxAttempts = 3

// shouldRetry decides about a call whose attempt failed, counting from 1. The
// reason completes "not repeated because" or "repeated because".
func shouldRetry(attempt int, err error) (again bool, reason string) {
	var failed *Error
	switch {
	case attempt >= maxAttempts:
		return false, "it was tried often enough"
	case errors.Is(err, ErrTimeout):
		return false, "asking a slow API again makes it slower"
	case errors.Is(err, ErrConnection):
		if _, bad := errors.AsType[*tls.CertificateVerificationError](err); bad {
			return false, "the certificate will not change"
		}
		return true, "the connection failed"
	case !errors.As(err, &failed):
		return false, "it is no answer of the API"
	case failed.RetryAfter > ratelimit.Patience:
		return false, "the API wants to be left alone for longer than a call waits"
	}
	switch failed.StatusCode {
	case http.StatusTooManyRequests:
		return true, "the API asked to come back later"
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true, "the API failed for now"
	}
	return false, "the answer would be the same"
}

// newDelays returns the waits between the attempts of one call where the API did
// not say: about 0.5 s, then 1 s, each half more or less.
func newDelays() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval:     500 * time.Millisecond,
		RandomizationFactor: 0.5,
		Multiplier:          2,
		MaxInterval:         5 * time.Second,
	}
}

// sleep waits for d or for the end of ctx, whose error it returns.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
