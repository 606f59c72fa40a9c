package client

import (
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

// shouldRetry decides about a call whose attempt failed, counting from 1.
func shouldRetry(attempt int, failed *Error) bool {
	switch {
	case attempt >= maxAttempts, errors.Is(failed, ErrTimeout): // asking a slow API again makes it slower
		return false
	case errors.Is(failed, ErrConnection):
		_, bad := errors.AsType[*tls.CertificateVerificationError](failed) // it will not change
		return !bad
	case failed.RetryAfter > ratelimit.Patience:
		return false
	}
	switch failed.StatusCode {
	case http.StatusForbidden:
		return failed.RetryAfter > 0 // a limit of the rate
	case http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
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
