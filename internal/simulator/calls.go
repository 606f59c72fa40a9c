package simulator

import (
	"maps"
	"net/http"
	"sync"
	"time"
)

// Operation is one of the calls of the API.
type Operation string

// The operations, and Unknown for any other request.
const (
	ListEndpoints Operation = "list_endpoints"
	ListEvents    Operation = "list_events"
	GetEvent      Operation = "get_event"
	Unknown       Operation = "unknown"
)

// Request is a request at its end, for Options.Observe.
type Request struct {
	Operation  Operation
	EndpointID string      // "" for ListEndpoints
	EventID    string      // only for GetEvent
	Header     http.Header // of the request
	Code       int         // the status code; 0 if no header was sent
	Start      time.Time
}

// Answered is a key of Calls.Answers.
type Answered struct {
	Operation Operation
	Code      int // 0 if no header was sent
}

// Calls are the requests to the account since its start or the last ResetCalls.
type Calls struct {
	// Requests counts on arrival.
	Requests map[Operation]int
	// Answers counts just before the header is sent, or, without a header, at the end of the
	// request.
	Answers map[Answered]int
	// Lists counts the requests for lists of events, by endpoint id.
	Lists map[string]int
	// MaxConcurrent is the highest number of concurrent requests.
	MaxConcurrent int
	// MaxPerSecond is the highest number of arrivals within one second of the
	// account's clock.
	MaxPerSecond int
}

// Total returns the number of requests.
func (c Calls) Total() int {
	total := 0
	for _, n := range c.Requests {
		total += n
	}
	return total
}

// Count returns how many requests of an operation were answered with a status code; 0 for
// those without a header.
func (c Calls) Count(op Operation, code int) int {
	return c.Answers[Answered{op, code}]
}

// Calls returns a copy of the counters.
func (a *Account) Calls() Calls {
	return a.calls.snapshot()
}

// ResetCalls resets the counters of Calls. Requests under way still count in MaxConcurrent.
func (a *Account) ResetCalls() {
	a.calls.reset()
}

// callLog counts requests.
type callLog struct {
	mu      sync.Mutex
	calls   Calls
	running int
	recent  []time.Time // arrivals within the last second, oldest first
}

func (l *callLog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = Calls{
		Requests:      make(map[Operation]int),
		Answers:       make(map[Answered]int),
		Lists:         make(map[string]int),
		MaxConcurrent: l.running,
	}
	l.recent = nil
}

func (l *callLog) snapshot() Calls {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.calls
	c.Requests = maps.Clone(c.Requests)
	c.Answers = maps.Clone(c.Answers)
	c.Lists = maps.Clone(c.Lists)
	return c
}

// arrive counts a request when it arrives.
func (l *callLog) arrive(r *Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls.Requests[r.Operation]++
	if r.Operation == ListEvents {
		l.calls.Lists[r.EndpointID]++
	}
	l.running++
	l.calls.MaxConcurrent = max(l.calls.MaxConcurrent, l.running)
	old := 0
	for old < len(l.recent) && r.Start.Sub(l.recent[old]) >= time.Second {
		old++
	}
	l.recent = append(l.recent[old:], r.Start)
	l.calls.MaxPerSecond = max(l.calls.MaxPerSecond, len(l.recent))
}

// answer counts the status code of a request; 0 for no header.
func (l *callLog) answer(r *Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls.Answers[Answered{r.Operation, r.Code}]++
}

// leave records the end of a request.
func (l *callLog) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running--
}
