package bench

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// endless is an API with one endpoint, "e", whose events happen at a steady rate and are
// computed from their number. It takes no memory, so only the exporter can grow over a
// simulated day. One in twenty deliveries fails, unless codes says otherwise.
type endless struct {
	start     time.Time     // of event 0
	every     time.Duration // between events
	jitter    bool          // events come at random moments within their interval
	retention time.Duration // how long events stay in the list
	codes     func(n int) int
	lists     atomic.Int64
	details   atomic.Int64
}

// happened returns the number of events so far.
func (e *endless) happened(now time.Time) int {
	n := int(now.Sub(e.start) / e.every)
	if e.moment(n).After(now) {
		return n
	}
	return n + 1
}

// moment returns when an event happens.
func (e *endless) moment(n int) time.Time {
	at := e.start.Add(time.Duration(n) * e.every)
	if e.jitter {
		at = at.Add(time.Duration(uint64(n) * 0x9E3779B97F4A7C15 % uint64(e.every)))
	}
	return at
}

func (e *endless) created(n int) int64 { return e.moment(n).Unix() }

// code returns the status code of an event's delivery.
func (e *endless) code(n int) int {
	switch {
	case e.codes != nil:
		return e.codes(n)
	case n%20 == 7:
		return 500
	}
	return 200
}

// RoundTrip implements http.RoundTripper.
func (e *endless) RoundTrip(r *http.Request) (*http.Response, error) {
	now := time.Now()
	var body io.Reader
	switch _, event, found := strings.Cut(r.URL.Path, "/events/"); {
	case found:
		e.details.Add(1)
		n, err := strconv.ParseInt(event[16:], 16, 64)
		if err != nil {
			return nil, err
		}
		body = strings.NewReader(fmt.Sprintf(`{"id":%q,"created":%d,"type":%q,"data":null,"response":{"status_code":%d,"status":"","message":""}}`,
			event, e.created(int(n)), eventType, e.code(int(n))))
	case strings.HasSuffix(r.URL.Path, "/all"):
		body = strings.NewReader(fmt.Sprintf(`[{"id":"e","created_at":%q,"url":"https://hooks.example.com","events":[%q],"active":true}]`,
			e.start.Add(-24*time.Hour).UTC().Format(time.RFC3339), eventType))
	default:
		e.lists.Add(1)
		newest := e.happened(now) - 1
		oldest := max(0, newest-int(e.retention/e.every))
		body = &endlessList{api: e, next: newest, oldest: oldest}
	}
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1, Request: r,
		Header: http.Header{"Date": {now.UTC().Format(http.TimeFormat)}}, Body: io.NopCloser(body),
	}, nil
}

const eventType = "video.process_succeeded"

// endlessList produces a list, newest first, while it is read.
type endlessList struct {
	api          *endless
	next, oldest int
	begun, ended bool
	buf          bytes.Buffer
}

// Read implements io.Reader.
func (l *endlessList) Read(p []byte) (int, error) {
	for l.buf.Len() < len(p) && !l.ended {
		separator := byte(',')
		if !l.begun {
			separator, l.begun = '[', true
		}
		l.buf.WriteByte(separator)
		l.buf.WriteString(`{"id":"`)
		l.buf.Write(objectID(l.next))
		l.buf.WriteString(`","created_at":"0001-01-01T00:00:00Z","ocid":"omega-cop-KoNef9DB5i","api_version":"v1","created":`)
		l.buf.Write(strconv.AppendInt(l.buf.AvailableBuffer(), l.api.created(l.next), 10))
		l.buf.WriteString(`,"type":"` + eventType + `","data":null,"endpoint_id":"e","response":null}`)
		if l.next--; l.next < l.oldest {
			l.buf.WriteByte(']')
			l.ended = true
		}
	}
	return l.buf.Read(p)
}
