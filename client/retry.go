package client

import (
	"crypto/tls"
	"errors"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"

	"omegastream_exporter/internal/ratelimit"
)

// maxAttempts limits the requests of a call, not counting the one after a change of the key.
const maxAttempts = 3

// shouldRetry reports whether to retry a call after its n-th attempt failed.
func shouldRetry(attempt int, failed *Error) bool {
	switch {
	case attempt >= maxAttempts, errors.Is(failed, ErrTimeout): // requests make a slow API slower
		return false
	case errors.Is(failed, ErrConnection):
		_, bad := errors.AsType[*tls.CertificateVerificationError](failed) // retrying would not help
		return !bad
	case failed.RetryAfter > ratelimit.Patience:
		return false
	}
	switch failed.StatusCode {
	case http.StatusForbidden:
		return failed.RetryAfter > 0 // a rate limit
	case http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// newDelays returns the waits between attempts if the API did not ask for one: about 0.5 s,
// then 1 s, each give or take a half.
func newDelays() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval:     500 * time.Millisecond,
		RandomizationFactor: 0.5,
		Multiplier:          2,
		MaxInterval:         5 * time.Second,
	}
}
