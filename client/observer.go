package client

import "time"

// Operation names a call of the API, as metrics show it.
type Operation string

// The operations of the API.
const (
	OpListEndpoints Operation = "list_endpoints" // GET /client/webhooks/all
	OpListEvents    Operation = "list_events"    // GET /client/webhooks/:id
	OpGetEvent      Operation = "get_event"      // GET /client/webhooks/:id/events/:eid
)

// Observer observes what the client does. Its methods are called from many goroutines at
// once and must return quickly.
type Observer interface {
	// Request is called once per HTTP round trip, repeated ones included. code
	// is the status code of the answer, 0 if none came. d lasts from the sending
	// of the request to the end of the header for OpListEvents, to the last byte
	// that was read for the others; waiting for the limiter is no part of it.
	Request(op Operation, code int, d time.Duration)

	// RateLimitWait is called where a request had to wait for the rate limit or
	// for a pause that the API asked for. Waiting for a free slot is no part of d.
	RateLimitWait(op Operation, d time.Duration)

	// Retry is called before a request is repeated.
	Retry(op Operation)
}

type noObserver struct{}

func (noObserver) Request(Operation, int, time.Duration)  {}
func (noObserver) RateLimitWait(Operation, time.Duration) {}
func (noObserver) Retry(Operation)                        {}
