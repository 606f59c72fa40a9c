package client

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"omegastream_exporter/internal/ratelimit"
)

// refusal returns the error of an answer whose status is not 200. Where the API
// asks for patience the limiter learns of it, before the exchange gives its slot to
// another call.
func (x *exchange) refusal() *Error {
	code := x.resp.StatusCode
	kind := kindOf(code)
	e := x.fail(kind)
	e.StatusCode = code
	if errors.Is(kind, ErrRedirected) {
		e.Err = fmt.Errorf("%w: status %d to %s", kind, code, x.target())
		return e
	}
	pause := retryAfter(x.resp.Header, time.Now())
	if code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable && pause > 0 {
		e.RetryAfter = x.client.limiter.BackOff(ratelimit.Backoff{
			Sent: x.sent, Wait: pause, SlowDown: code == http.StatusTooManyRequests,
		})
	}
	if code == http.StatusUnauthorized { // what to do says more than what the API says
		e.Err = fmt.Errorf("%w (status %d): replace it in OMEGASTREAM_API_KEY or in the file of --api.key-file", kind, code)
		return e
	}
	body, _ := io.ReadAll(io.LimitReader(x, maxErrorBody))
	e.Err = fmt.Errorf("%w (status %d)%s", kind, code, x.hint(body))
	return e
}

// kindOf returns the sentinel for a status that is not 200.
func kindOf(code int) error {
	switch {
	case code == http.StatusUnauthorized:
		return ErrUnauthorized
	case code == http.StatusForbidden:
		return ErrForbidden
	case code == http.StatusNotFound:
		return ErrNotFound
	case code == http.StatusGone:
		return ErrGone
	case code == http.StatusTooManyRequests:
		return ErrRateLimited
	case code >= 500:
		return ErrServer
	case code >= 300 && code < 400:
		return ErrRedirected
	}
	return ErrUnexpectedStatus
}

// target returns where a redirect points to, no more of it than the host.
func (x *exchange) target() string {
	to, err := x.resp.Location()
	if err != nil || to.Host == "" {
		return "nowhere"
	}
	return "host " + x.scrub(to.Host)
}
