package simulator

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const jsonType = "application/json"

// exchange is a request and its answer.
type exchange struct {
	Request
	w      http.ResponseWriter
	r      *http.Request
	faults []*fault

	// Set by faults.
	header  http.Header
	reply   *reply
	skew    time.Duration
	padding int64
	cutAt   int64        // bytes before the cut
	cut     func() error // nil for no cut
	cutItem func() error

	compressor *gzip.Writer // nil without compression
}

// reply is an answer before it is written: a status with a text, with elements, or with the
// rendered chunks of a list.
type reply struct {
	status      int
	contentType string
	header      http.Header
	body        []byte
	items       items
	chunks      [][]byte
	array       bool // put brackets around items or chunks
}

// text is a reply with a given body.
func text(status int, contentType, body string) *reply {
	return &reply{status: status, contentType: contentType, header: make(http.Header), body: []byte(body)}
}

// problem is an error of the API.
func problem(status int, message string) *reply {
	return text(status, jsonType, `{"error":"`+message+`"}`)
}

// hang waits until the fault is removed. If the client disconnects first, it ends the
// request.
func (x *exchange) hang(f *fault) {
	select {
	case <-f.removed:
	case <-x.r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}

// pause waits. If the client disconnects first, it ends the request.
func (x *exchange) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-x.r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}

// errCut ends the writing of a body that ends cleanly.
var errCut = errors.New("simulator: the body is cut off here")

// end ends a body in some way, or returns nil to continue.
func (x *exchange) end(how Ending, f *fault) error {
	if how == EndClean {
		return errCut
	}
	x.flush()
	if how == EndAbort {
		panic(http.ErrAbortHandler)
	}
	x.hang(f)
	return nil
}

// flush sends what has been written so far.
func (x *exchange) flush() {
	if x.compressor != nil {
		_ = x.compressor.Flush()
	}
	_ = http.NewResponseController(x.w).Flush()
}

// send writes the reply.
func (x *exchange) send(date time.Time, compress bool, calls *callLog) {
	h := x.w.Header()
	h.Set("Content-Type", x.reply.contentType)
	h.Set("Date", httpDate(date.Add(x.skew)))
	for _, from := range []http.Header{x.reply.header, x.header} {
		for key, values := range from {
			h[key] = values
		}
	}
	var out io.Writer = x.w
	switch {
	case compress && strings.Contains(x.r.Header.Get("Accept-Encoding"), "gzip"):
		h.Set("Content-Encoding", "gzip")
		x.compressor = gzip.NewWriter(x.w)
		out = x.compressor
	case x.reply.body != nil && x.cut == nil && x.padding == 0:
		h.Set("Content-Length", strconv.Itoa(len(x.reply.body)))
	}
	if x.cut != nil {
		out = &cutter{w: out, left: x.cutAt, cut: x.cut}
	}
	x.Code = x.reply.status
	calls.answer(&x.Request)
	x.w.WriteHeader(x.Code)
	if err := x.writeBody(out); err != nil && !errors.Is(err, errCut) {
		return // the client has disconnected
	}
	if x.compressor != nil {
		_ = x.compressor.Close()
	}
}

// cutter is a writer that calls cut once, after a number of bytes, and continues if cut
// returns nil.
type cutter struct {
	w    io.Writer
	left int64
	cut  func() error // nil once called
}

// Write writes p up to the cut.
func (c *cutter) Write(p []byte) (int, error) {
	if c.cut == nil || int64(len(p)) < c.left {
		c.left -= int64(len(p))
		return c.w.Write(p)
	}
	n, err := c.w.Write(p[:c.left])
	if err != nil {
		return n, err
	}
	cut := c.cut
	c.cut = nil
	if err := cut(); err != nil {
		return n, err
	}
	m, err := c.w.Write(p[n:])
	return n + m, err
}
