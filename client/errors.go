package client

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Errors caused by an answer of the API.
var (
	// ErrUnauthorized is returned when the API answers 401, after the key was
	// read again.
	ErrUnauthorized = errors.New("the API does not accept the key")

	// ErrForbidden is returned when the API answers 403. A 403 with a Retry-After is retried
	// first.
	ErrForbidden = errors.New("the key is not allowed to do this")

	// ErrNotFound is returned when the API answers 404 or 410.
	ErrNotFound = errors.New("not found")

	// ErrGone is returned when the API answers 410. It is an ErrNotFound.
	ErrGone = fmt.Errorf("%w any more", ErrNotFound)

	// ErrRateLimited is returned when the API answers 429 to the last attempt, and without a
	// request while the API asks for a pause of more than 10 s.
	ErrRateLimited = errors.New("the API asks for fewer requests")

	// ErrServer is returned when the API answers 500 or above to the last attempt.
	ErrServer = errors.New("the API failed")

	// ErrRedirected is returned when the API answers with a redirect.
	ErrRedirected = errors.New("redirects are not followed")

	// ErrUnexpectedStatus is returned when the API answers any other status than 200.
	ErrUnexpectedStatus = errors.New("unexpected status")

	// ErrBadPayload is returned when an answer is not what was requested: broken JSON, a
	// wrong type, another event.
	ErrBadPayload = errors.New("unusable answer")

	// ErrPaged is returned when a list links to a next page, so that it is incomplete.
	ErrPaged = errors.New("the API pages its answer, which this version does not follow")

	// ErrTooLarge is returned when an answer, or one of its elements, exceeds its limit.
	ErrTooLarge = errors.New("answer too large")
)

// Errors caused by the connection to the API.
var (
	// ErrConnection is returned when the last attempt could not reach the API, or lost the
	// connection.
	ErrConnection = errors.New("no connection")

	// ErrTimeout is returned when the API is slower than Options.Timeout or
	// Options.ListSilence. If the caller's context ends, the error is that of the context.
	ErrTimeout = errors.New("too slow")

	// ErrInvalidID is returned, without a request, for an id that cannot be used in a
	// request.
	ErrInvalidID = errors.New("invalid id")
)

// kindOf returns the sentinel error for a status other than 200.
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

// IsUnauthorized reports whether the API does not accept the key at all (401), so that every
// call would fail.
func IsUnauthorized(err error) bool { return errors.Is(err, ErrUnauthorized) }

// IsForbidden reports whether the key has no access to what a call requested (403).
func IsForbidden(err error) bool { return errors.Is(err, ErrForbidden) }

// Error is the error of a call. Every error of a method of Client or EventList is one.
type Error struct {
	Op         Operation
	EndpointID string        // empty for OpListEndpoints
	EventID    string        // only for OpGetEvent
	StatusCode int           // of the answer; 0 without one
	RetryAfter time.Duration // the pause that the API asks for; 0 if it did not say
	Err        error         // wraps a sentinel error, or the error of the caller's context
}

// Error names the operation and its ids. It contains neither the key nor a URL.
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

// printable escapes characters that would break a line of a log.
func printable(id string) string {
	quoted := strconv.Quote(id)
	return quoted[1 : len(quoted)-1]
}

// scrubbed shows an error's text without secrets. Is and As can see the error; there is no
// Unwrap, which would give a caller the text with secrets.
type scrubbed struct {
	text string
	err  error
}

func (e *scrubbed) Error() string        { return e.text }
func (e *scrubbed) Is(target error) bool { return errors.Is(e.err, target) }
func (e *scrubbed) As(target any) bool   { return errors.As(e.err, target) }
