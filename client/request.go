package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"omegastream_exporter/internal/ratelimit"
)

const (
	maxErrorBody  = 64 << 10               // read of an error's body
	maxDrain      = 64 << 10               // read of a body only to keep its connection,
	maxBlindDrain = 16 << 10               // if its length is unknown,
	drainPatience = 100 * time.Millisecond // and how long that can take
)

// request is one HTTP round trip, from taking its slot to the last byte read. Read reads its
// body.
type request struct {
	*call
	*redactor
	client *Client
	slot   *ratelimit.Slot
	sent   time.Time
	resp   *http.Response // nil until the header has arrived
	read   int64          // bytes of the body

	// The request of a streamed list outlives the method that starts it. The contexts
	// distinguish the caller's end from the request's own.
	caller context.Context
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer // cancels ctx with ErrTimeout
	slow   *time.Timer // lets others use the slot of a list of events

	left time.Duration // time for the next element of a list of events
}

// newRequest returns a request of a call, for a slot of the limiter. close releases the slot.
func (c *Client) newRequest(ctx context.Context, q *call, key Secret, slot *ratelimit.Slot) *request {
	hide := &redactor{key: key, detail: c.opts.URLDetail, urls: c.urls.of(q.endpointID)}
	hide.blind = q.endpointID != "" && hide.urls == nil
	x := &request{call: q, redactor: hide, client: c, slot: slot, sent: time.Now(), caller: ctx}
	x.ctx, x.cancel = context.WithCancelCause(ctx)
	x.timer = time.AfterFunc(c.opts.Timeout, func() { x.cancel(ErrTimeout) })
	return x
}

// message returns the request in net/http's form.
func (x *request) message() (*http.Request, error) {
	req, err := http.NewRequestWithContext(x.ctx, http.MethodGet, x.client.base+x.path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+x.key.Reveal())
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", x.client.opts.UserAgent)
	return req, nil
}

// observe reports the round trip at its end.
func (x *request) observe() {
	code := 0
	if x.resp != nil {
		code = x.resp.StatusCode
	}
	x.client.observer.Request(x.op, code, time.Since(x.sent))
}

// Read reads the body. A list of events has a time limit for each element instead of one for
// the whole. Only time in Read counts, not the caller's between elements.
func (x *request) Read(p []byte) (int, error) {
	if x.op == OpListEvents && x.resp.StatusCode == http.StatusOK { // otherwise it is the body of an error
		began := time.Now()
		x.timer.Reset(x.left)
		defer func() {
			x.timer.Stop()
			x.left -= time.Since(began)
		}()
	}
	n, err := x.resp.Body.Read(p)
	x.read += int64(n)
	return n, err
}

// close ends the request, and releases its slot.
func (x *request) close() {
	if x.resp != nil {
		x.drain()
		_ = x.resp.Body.Close()
	}
	x.timer.Stop()
	if x.slow != nil {
		x.slow.Stop()
	}
	x.cancel(nil)
	x.slot.Release()
}

// drain reads the rest of a body if it is short, so that the connection can be reused. HTTP/2
// reuses it in any case.
func (x *request) drain() {
	length := x.resp.ContentLength
	limit := int64(maxDrain)
	if length < 0 {
		limit = maxBlindDrain
	}
	if x.resp.ProtoMajor < 2 && length-x.read <= limit {
		x.timer.Reset(drainPatience)
		_, _ = io.CopyN(io.Discard, x.resp.Body, limit)
	}
}

// failure turns err, from any step of the request, into the call's error.
func (x *request) failure(err error) *Error {
	e := x.fail(err)
	if x.resp != nil {
		e.StatusCode = x.resp.StatusCode
	}
	switch {
	case errors.Is(err, ErrBadPayload):
		e.Err = fmt.Errorf("%w%s", err, x.contentType())
	case errors.Is(err, ErrTooLarge), errors.Is(err, ErrPaged):
	case x.caller.Err() != nil:
		e.Err = x.caller.Err()
	case errors.Is(context.Cause(x.ctx), ErrTimeout):
		e.Err = fmt.Errorf("%w: %s", ErrTimeout, x.slowness())
	default:
		e.Err = fmt.Errorf("%w: %w", ErrConnection, x.scrubError(err))
	}
	return e
}

func (x *request) slowness() string {
	switch {
	case x.resp == nil:
		return fmt.Sprintf("no answer within %v", x.client.opts.Timeout)
	case x.op == OpListEvents:
		return fmt.Sprintf("not one complete event in %v", x.client.opts.ListSilence)
	}
	return fmt.Sprintf("not complete within %v", x.client.opts.Timeout)
}

// contentType returns a remark if the answer does not claim to be JSON.
func (x *request) contentType() string {
	// Redact first, because the media type is returned in lower case.
	kind, _, err := mime.ParseMediaType(x.key.redact(x.resp.Header.Get("Content-Type")))
	if err != nil || kind == "application/json" {
		return ""
	}
	return fmt.Sprintf(" (content type %s)", cut(kind, 64))
}

// statusError returns the error for a status other than 200. If the API asks for a pause, the
// limiter learns of it before another call gets the slot.
func (x *request) statusError() *Error {
	code := x.resp.StatusCode
	kind := kindOf(code)
	e := x.fail(kind)
	e.StatusCode = code
	if errors.Is(kind, ErrRedirected) {
		e.Err = fmt.Errorf("%w: status %d to %s", kind, code, x.target())
		return e
	}
	pause := retryAfter(x.resp.Header, time.Now())
	if code == http.StatusTooManyRequests || pause > 0 && (code == http.StatusServiceUnavailable || code == http.StatusForbidden) {
		e.RetryAfter = x.client.limiter.BackOff(ratelimit.Backoff{
			Sent: x.sent, Wait: pause, SlowDown: code == http.StatusTooManyRequests,
		})
	}
	if code == http.StatusUnauthorized { // the advice matters more than the API's text
		e.Err = fmt.Errorf("%w (status %d): replace it in OMEGASTREAM_API_KEY or in the file of --api.key-file", kind, code)
		return e
	}
	body, _ := io.ReadAll(io.LimitReader(x, maxErrorBody))
	e.Err = fmt.Errorf("%w (status %d)%s", kind, code, x.hint(body))
	return e
}

// target returns the host of a redirect, and nothing else of it.
func (x *request) target() string {
	to, err := x.resp.Location()
	if err != nil || to.Host == "" {
		return "nowhere"
	}
	return "host " + x.scrub(to.Host)
}
