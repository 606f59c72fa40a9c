package client

import "time"

// Operation names a call of the API in metrics.
type Operation string

// The operations of the API.
const (
	OpListEndpoints Operation = "list_endpoints" // GET /client/webhooks/all
	OpListEvents    Operation = "list_events"    // GET /client/webhooks/:id
	OpGetEvent      Operation = "get_event"      // GET /client/webhooks/:id/events/:eid
)

// Observer observes the client. Its methods are called concurrently and must return quickly.
type Observer interface {
	// Request is called for each HTTP round trip, including retries. code is the status code
	// of the answer, or 0 without one. d is the time from sending the request to the end of
	// the header for OpListEvents, and to the last byte read for others, without waiting for
	// the limiter.
	Request(op Operation, code int, d time.Duration)

	// RateLimitWait is called when a request had to wait for the rate limit, or for a pause
	// that the API asked for. d does not include waiting for a free slot.
	RateLimitWait(op Operation, d time.Duration)

	// Retry is called before a request is repeated.
	Retry(op Operation)
}

type noObserver struct{}

func (noObserver) Request(Operation, int, time.Duration)  {}
func (noObserver) RateLimitWait(Operation, time.Duration) {}
func (noObserver) Retry(Operation)                        {}
