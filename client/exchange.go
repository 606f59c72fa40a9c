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
	maxErrorBody  = 64 << 10               // what is read of the body of an error
	maxDrain      = 64 << 10               // what is read of a body just to keep its connection
	drainPatience = 100 * time.Millisecond // how long that may take
)

// exchange is one HTTP round trip, from the slot it took to the last byte it
// reads. Read reads its body.
type exchange struct {
	*call
	*redactor
	client *Client
	slot   *ratelimit.Slot
	sent   time.Time
	resp   *http.Response // nil before the header is there
	read   int64          // bytes of the body

	// An exchange outlives the method that begins it where a list is streamed;
	// the contexts tell the caller's end from the exchange's own.
	caller context.Context
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer // cancels ctx with ErrTimeout
	slow   *time.Timer // of a list of events, gives its slot to others

	left time.Duration // that the next element of a list of events may take
}

// begin sends the request and waits for the header. close gives the slot
// back; where err is not nil the exchange is closed.
func (c *Client) begin(ctx context.Context, q *call, key secret, slot *ratelimit.Slot) (*exchange, error) {
	x := &exchange{call: q, client: c, slot: slot, redactor: c.redactorOf(q, key), sent: time.Now(), caller: ctx}
	x.ctx, x.cancel = context.WithCancelCause(ctx)
	x.timer = time.AfterFunc(c.opts.Timeout, func() { x.cancel(ErrTimeout) })
	req, err := http.NewRequestWithContext(x.ctx, http.MethodGet, c.base+q.path, nil)
	if err == nil {
		req.Header.Set("Authorization", "Bearer "+string(key))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json")
		req.Header.Set("User-Agent", c.opts.UserAgent)
		x.resp, err = c.http.Do(req) //nolint:bodyclose // exchange.close does
	}
	if err != nil {
		err = x.failure(err)
		x.observe()
		x.close()
		return nil, err
	}
	return x, nil
}

// redactorOf returns what hides the secrets of a call in its answer and its errors.
func (c *Client) redactorOf(q *call, key secret) *redactor {
	return &redactor{key: key, detail: c.opts.URLDetail, urls: c.urls.of(q.endpointID)}
}

// observe reports the round trip. Call it at its end.
func (x *exchange) observe() {
	code := 0
	if x.resp != nil {
		code = x.resp.StatusCode
	}
	x.client.observer.Request(x.op, code, time.Since(x.sent))
}

// Read reads the body. A list of events has no time to be complete in, but each of
// its elements has one. Only the time in Read counts: what the caller does between
// elements is its own.
func (x *exchange) Read(p []byte) (int, error) {
	if x.op == OpListEvents {
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

// close ends the exchange and gives its slot back. Where little of the body is
// left it is read, so that the connection can be used again; HTTP/2 keeps it
// anyway.
func (x *exchange) close() {
	if x.resp != nil {
		if x.resp.ProtoMajor < 2 && x.resp.ContentLength-x.read <= maxDrain {
			x.timer.Reset(drainPatience)
			_, _ = io.CopyN(io.Discard, x.resp.Body, maxDrain)
		}
		_ = x.resp.Body.Close()
	}
	x.timer.Stop()
	if x.slow != nil {
		x.slow.Stop()
	}
	x.cancel(nil)
	x.slot.Release()
}

// failure makes err, of any step of the exchange, the error of the call.
func (x *exchange) failure(err error) *Error {
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

func (x *exchange) slowness() string {
	switch {
	case x.resp == nil:
		return fmt.Sprintf("no answer within %v", x.client.opts.Timeout)
	case x.op == OpListEvents:
		return fmt.Sprintf("not one complete event in %v", x.client.opts.ListSilence)
	}
	return fmt.Sprintf("not complete within %v", x.client.opts.Timeout)
}

// contentType returns a remark where the answer does not even claim to be JSON.
func (x *exchange) contentType() string {
	// The key goes first: a media type comes back in lower case.
	kind, _, err := mime.ParseMediaType(x.key.redact(x.resp.Header.Get("Content-Type")))
	if err != nil || kind == "application/json" {
		return ""
	}
	return fmt.Sprintf(" (content type %s)", cut(kind, 64))
}
