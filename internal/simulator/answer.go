package simulator

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Causes of a delivery without an HTTP response, for NoResponse. {host} stands for the host
// of the endpoint's URL.
const (
	CauseTimeout = "context deadline exceeded"
	CauseDNS     = "dial tcp: lookup {host}: no such host"
	CauseRefused = "dial tcp 192.0.2.10:443: connect: connection refused"
	CauseReset   = "read tcp 10.0.0.7:41522->192.0.2.10:443: read: connection reset by peer"
	CauseTLS     = "tls: failed to verify certificate: x509: certificate has expired or is not yet valid"
	CauseEOF     = "EOF"
)

// Answer is the "response" in an event's detail. Create one with Responded, NoResponse or
// Pending.
type Answer struct {
	pending bool
	code    int
	cause   string // with code 0, "" means a message without a cause
	body    string
	after   time.Duration
}

// Responded is an answer of a customer's server.
func Responded(code int) Answer {
	body := "webhook received\n"
	if code < 200 || code > 299 {
		body = http.StatusText(code) + "\n"
	}
	return Answer{code: code, body: body}
}

// NoResponse is a delivery that ended without an HTTP response: status_code 0
// and a message that ends in the cause, in the way of Go's HTTP client:
//
//	webhook event with type T failed: Post "URL": CAUSE
func NoResponse(cause string) Answer {
	return Answer{cause: cause}
}

// Pending is the answer of a delivery without an outcome: response is null.
func Pending() Answer {
	return Answer{pending: true}
}

// After returns the answer so that it becomes visible d after the creation of its event, or,
// with SetAnswer, d after the call.
func (r Answer) After(d time.Duration) Answer {
	r.after = d
	return r
}

// WithBody returns the answer with another body of the customer's server.
func (r Answer) WithBody(body string) Answer {
	r.body = body
	return r
}

// plain reports whether the status code alone determines the answer, so that a record needs
// only the code.
func (r Answer) plain() bool {
	return r.code > 0 && r.code < 1<<16 && r == Responded(r.code)
}

// outcome returns the normalised status code: a number in 100-599, "none" for a delivery
// without a response, "" while it is pending.
func (r Answer) outcome() string {
	switch {
	case r.pending:
		return ""
	case r.code < 100 || r.code > 599:
		return "none"
	}
	return strconv.Itoa(r.code)
}

// succeeded reports whether the answer is a 2xx.
func (r Answer) succeeded() bool {
	return r.code >= 200 && r.code <= 299
}

// appendJSON appends the "response" of an event of a type that was posted to a URL.
func (r Answer) appendJSON(dst []byte, eventType, target string) []byte {
	if r.pending {
		return append(dst, "null"...)
	}
	message := "webhook event with type " + eventType + " succeeded"
	if !r.succeeded() {
		message = "webhook event with type " + eventType + " failed"
	}
	if r.cause != "" {
		cause := strings.ReplaceAll(r.cause, "{host}", hostOf(target))
		message += ": Post " + strconv.Quote(target) + ": " + cause
	}
	status := ""
	if r.code != 0 {
		status = strings.TrimSpace(strconv.Itoa(r.code) + " " + http.StatusText(r.code))
	}
	dst = append(dst, `{"status_code":`...)
	dst = strconv.AppendInt(dst, int64(r.code), 10)
	dst = append(dst, `,"status":`...)
	dst = appendString(dst, status)
	dst = append(dst, `,"body":`...)
	dst = appendString(dst, r.body)
	dst = append(dst, `,"message":`...)
	dst = appendString(dst, message)
	return append(dst, '}')
}

// due returns the answers of a schedule that are visible at an age of the event, in the order
// of becoming visible.
func due(schedule []Answer, age time.Duration) []Answer {
	var seen []Answer
	for _, r := range schedule {
		if r.after <= age {
			seen = append(seen, r)
		}
	}
	slices.SortStableFunc(seen, func(r, s Answer) int { return cmp.Compare(r.after, s.after) })
	return seen
}

// visible returns the answer of a schedule at an age of the event: the last one to become
// visible, or Pending before the first.
func visible(schedule []Answer, age time.Duration) Answer {
	seen := due(schedule, age)
	if len(seen) == 0 {
		return Pending()
	}
	return seen[len(seen)-1]
}

// hostOf returns the host name of a URL; "" if it has none.
func hostOf(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
