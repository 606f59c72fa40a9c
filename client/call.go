package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"omegastream_exporter/internal/ratelimit"
)

// call is one question to the API, however many requests it takes.
type call struct {
	op         Operation
	endpointID string
	eventID    string
	path       string // escaped, behind the base URL
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

// check refuses ids that cannot stand in a path.
func (q *call) check() error {
	switch {
	case q.op != OpListEndpoints && !ValidEndpointID(q.endpointID):
		return q.fail(fmt.Errorf("%w of the endpoint", ErrInvalidID))
	case q.op == OpGetEvent && !ValidEventID(q.eventID):
		return q.fail(fmt.Errorf("%w of the event", ErrInvalidID))
	}
	return nil
}

// do asks until there is an answer or no reason to ask again. An answer with
// status 200 goes to read, which closes it.
func (c *Client) do(ctx context.Context, q *call, read func(*exchange) error) error {
	if err := q.check(); err != nil {
		return err
	}
	key, err := c.keys.Key()
	if err != nil {
		return q.fail(err)
	}
	// From here on the ids serve errors alone, the path has them already.
	q.endpointID, q.eventID = secret(key).redact(q.endpointID), secret(key).redact(q.eventID)

	err = c.try(ctx, q, secret(key), read)
	failed, ok := errors.AsType[*Error](err)
	if !ok || !errors.Is(failed, ErrUnauthorized) {
		return err
	}
	// The key may have been rotated. What counts is whether it is another one than
	// was sent: another call may have read it again already.
	_, reloadErr := c.keys.Reload()
	switch newKey, keyErr := c.keys.Key(); {
	case reloadErr != nil:
		failed.Err = fmt.Errorf("%w; %w", failed.Err, reloadErr)
		return failed
	case keyErr != nil || newKey == key:
		return failed
	default:
		c.observer.Retry(q.op)
		return c.try(ctx, q, secret(newKey), read)
	}
}

// try makes the attempts with one key.
func (c *Client) try(ctx context.Context, q *call, key secret, read func(*exchange) error) error {
	delays := newDelays()
	for attempt := 1; ; attempt++ {
		err := c.attempt(ctx, q, key, read)
		if err == nil {
			return nil
		}
		if again, _ := shouldRetry(attempt, err); !again {
			return err
		}
		// Where the API said how long to wait, or is taken to have said it, the limiter
		// holds this call back like all others.
		if failed, ok := errors.AsType[*Error](err); ok && failed.RetryAfter == 0 {
			if ended := sleep(ctx, delays.NextBackOff()); ended != nil {
				failed.Err = fmt.Errorf("%w, before another try after: %w", ended, failed.Err)
				return failed
			}
		}
		c.observer.Retry(q.op)
	}
}

// attempt makes one request, as soon as the limiter lets it. Its error is an *Error.
func (c *Client) attempt(ctx context.Context, q *call, key secret, read func(*exchange) error) error {
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
	x, err := c.begin(ctx, q, key, slot)
	if err != nil {
		return err
	}
	if x.resp.StatusCode != http.StatusOK {
		defer x.close()
		defer x.observe()
		return x.refusal()
	}
	c.limiter.Succeeded(x.sent)
	return read(x)
}
