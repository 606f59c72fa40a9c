package client

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Errors that an answer of the API causes.
var (
	// ErrUnauthorized is returned when the API answers 401, after the key was
	// read again.
	ErrUnauthorized = errors.New("the API does not accept the key")

	// ErrForbidden is returned when the API answers 403; with a Retry-After, to the last
	// attempt.
	ErrForbidden = errors.New("the key is not allowed to do this")

	// ErrNotFound is returned when the API answers 404 or 410.
	ErrNotFound = errors.New("not found")

	// ErrGone is returned when the API answers 410. It is an ErrNotFound.
	ErrGone = fmt.Errorf("%w any more", ErrNotFound)

	// ErrRateLimited is returned when the API answers 429 to the last attempt, and
	// without a request while it wants to be left alone for more than 10 s.
	ErrRateLimited = errors.New("the API asks for fewer requests")

	// ErrServer is returned when the last attempt is answered with 500 or above.
	ErrServer = errors.New("the API failed")

	// ErrRedirected is returned when the API answers with a redirect.
	ErrRedirected = errors.New("redirects are not followed")

	// ErrUnexpectedStatus is returned when the API answers with any other status
	// but 200.
	ErrUnexpectedStatus = errors.New("unexpected status")

	// ErrBadPayload is returned when an answer cannot be what was asked for: broken
	// JSON, another type, another event.
	ErrBadPayload = errors.New("unusable answer")

	// ErrPaged is returned when a list has a Link to a next page: what it shows is
	// not all.
	ErrPaged = errors.New("the API pages its answer, which this version does not follow")

	// ErrTooLarge is returned when an answer, or one element of it, exceeds its bound.
	ErrTooLarge = errors.New("answer too large")
)

// Errors that the way to the API and back causes.
var (
	// ErrConnection is returned when the last attempt could not reach the API or
	// lost the connection to it.
	ErrConnection = errors.New("no connection")

	// ErrTimeout is returned when the API is slower than Options.Timeout or
	// Options.ListSilence allow. The end of the caller's context is no ErrTimeout,
	// it is the context's own error.
	ErrTimeout = errors.New("too slow")

	// ErrInvalidID is returned, without a request, when an id cannot be asked for.
	ErrInvalidID = errors.New("invalid id")
)

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

// IsUnauthorized reports whether the API does not accept the key at all (401), so
// that no other call can go well.
func IsUnauthorized(err error) bool { return errors.Is(err, ErrUnauthorized) }

// IsForbidden reports whether the key may not do what this one call asks for (403).
func IsForbidden(err error) bool { return errors.Is(err, ErrForbidden) }

// Error is the error of a call. Every error that a method of Client or EventList
// returns is one.
type Error struct {
	Op         Operation
	EndpointID string        // empty for OpListEndpoints
	EventID    string        // empty but for OpGetEvent
	StatusCode int           // of the answer, 0 if none came
	RetryAfter time.Duration // how long the API wants to be left alone, 0 if it did not say
	Err        error         // wraps one of the sentinels, or the caller's context error
}

// Error names the operation and what it was about. It holds neither the key nor
// a URL.
func (e *Error) Error() string {
	var b strings.Builder
	switch e.Op {
	case OpListEndpoints:
		b.WriteString("list endpoints")
	case OpListEvents:
		fmt.Fprintf(&b, "list events of endpoint %s", printable(e.EndpointID))
	case OpGetEvent:
		fmt.Fprintf(&b, "get event %s of endpoint %s", printable(e.EventID), printable(e.EndpointID))
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, ", again in %v", e.RetryAfter.Round(time.Second))
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// printable escapes what would break a line of a log.
func printable(id string) string {
	quoted := strconv.Quote(id)
	return quoted[1 : len(quoted)-1]
}

// scrubbed shows an error's text without its secrets. Is and As see through it; there is no
// Unwrap, which would give the unscrubbed text to a caller that prints it.
type scrubbed struct {
	text string
	err  error
}

func (e *scrubbed) Error() string        { return e.text }
func (e *scrubbed) Is(target error) bool { return errors.Is(e.err, target) }
func (e *scrubbed) As(target any) bool   { return errors.As(e.err, target) }
