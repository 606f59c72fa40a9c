package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"omegastream_exporter/internal/ratelimit"
	"omegastream_exporter/internal/wait"
)

// call is one call of the API, which can take several requests.
type call struct {
	op         Operation
	endpointID string
	eventID    string
	path       string // escaped, below the base URL
}

func endpointsCall() *call {
	return &call{op: OpListEndpoints, path: "/client/webhooks/all"}
}

func eventsCall(endpointID string) *call {
	return &call{op: OpListEvents, endpointID: endpointID, path: "/client/webhooks/" + url.PathEscape(endpointID)}
}

func eventCall(endpointID, eventID string) *call {
	return &call{
		op: OpGetEvent, endpointID: endpointID, eventID: eventID,
		path: "/client/webhooks/" + url.PathEscape(endpointID) + "/events/" + url.PathEscape(eventID),
	}
}

// class returns the queue of the limiter that the call belongs to.
func (q *call) class() ratelimit.Class {
	if q.op == OpGetEvent {
		return ratelimit.Details
	}
	return ratelimit.Lists
}

// fail returns the error of the call for err.
func (q *call) fail(err error) *Error {
	return &Error{Op: q.op, EndpointID: q.endpointID, EventID: q.eventID, Err: err}
}

// check refuses ids that cannot be part of a path.
func (q *call) check() error {
	switch {
	case q.op != OpListEndpoints && !ValidEndpointID(q.endpointID):
		return q.fail(fmt.Errorf("%w of the endpoint", ErrInvalidID))
	case q.op == OpGetEvent && !ValidEventID(q.eventID):
		return q.fail(fmt.Errorf("%w of the event", ErrInvalidID))
	}
	return nil
}

// do sends requests until one succeeds or another try is pointless. An answer with status 200
// goes to read, which closes it.
func (c *Client) do(ctx context.Context, q *call, read func(*request) error) error {
	if err := q.check(); err != nil {
		return err
	}
	key, err := c.keys.Key()
	if err != nil {
		return q.fail(err)
	}
	// From here on the ids are only for errors, as the path already contains them.
	q.endpointID, q.eventID = key.redact(q.endpointID), key.redact(q.eventID)

	delays, replaced := newDelays(), false
	for attempt := 1; ; attempt++ {
		failed := c.attempt(ctx, q, key, read)
		switch {
		case failed == nil:
			return nil
		case errors.Is(failed, ErrUnauthorized) && !replaced:
			another, err := c.anotherKey(key)
			if err != nil {
				failed.Err = fmt.Errorf("%w; %w", failed.Err, err)
			}
			if another == (Secret{}) {
				return failed
			}
			key, replaced, attempt = another, true, 0
		case !shouldRetry(attempt, failed):
			return failed
		case failed.RetryAfter == 0: // otherwise the limiter delays this call like all others
			if ended := wait.For(ctx, delays.NextBackOff()); ended != nil {
				failed.Err = fmt.Errorf("%w, before another try after: %w", ended, failed.Err)
				return failed
			}
		}
		c.observer.Retry(q.op)
	}
}

// anotherKey reads the key again, in case it was rotated. It returns the zero Secret if the
// key is still the one that was sent. Reload cannot tell, because another call can have read
// the new key before.
func (c *Client) anotherKey(sent Secret) (Secret, error) {
	if _, err := c.keys.Reload(); err != nil {
		return Secret{}, err
	}
	key, err := c.keys.Key()
	if err != nil || key.Reveal() == sent.Reveal() {
		return Secret{}, nil //nolint:nilerr // the answer is the better error
	}
	return key, nil
}

// attempt sends one request when the limiter allows it.
func (c *Client) attempt(ctx context.Context, q *call, key Secret, read func(*request) error) *Error {
	slot, limited, err := c.limiter.Acquire(ctx, q.class())
	if limited > 0 {
		c.observer.RateLimitWait(q.op, limited)
	}
	if err != nil {
		failed := q.fail(err)
		if paused, ok := errors.AsType[*ratelimit.PausedError](err); ok {
			failed.Err, failed.RetryAfter = ErrRateLimited, paused.Left
		}
		return failed
	}
	x := c.newRequest(ctx, q, key, slot)
	message, err := x.message()
	if err == nil {
		x.resp, err = c.http.Do(message) //nolint:bodyclose // request.close does
	}
	if err == nil && x.resp.StatusCode == http.StatusOK {
		c.limiter.Succeeded(x.sent)
		if err = read(x); err == nil {
			return nil
		}
		if failed, ok := errors.AsType[*Error](err); ok {
			return failed
		}
		return q.fail(err)
	}
	defer x.close()
	defer x.observe()
	if err != nil {
		return x.failure(err)
	}
	return x.statusError()
}
