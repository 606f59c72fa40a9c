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

// exchange is a request with its answer on the way.
type exchange struct {
	Request
	w      http.ResponseWriter
	r      *http.Request
	faults []*fault

	// What faults wish for.
	header  http.Header
	reply   *reply
	skew    time.Duration
	padding int64
	cutAt   int64        // bytes before cut
	cut     func() error // nil for no cut
	cutItem func() error

	compressor *gzip.Writer // nil without compression
}

// reply is an answer before it is written: a status with a text, or with
// elements, or with the rendered chunks of a list.
type reply struct {
	status      int
	contentType string
	header      http.Header
	body        []byte
	items       items
	chunks      [][]byte
	array       bool // items or chunks stand between brackets
}

// text is a reply with a body that is known.
func text(status int, contentType, body string) *reply {
	return &reply{status: status, contentType: contentType, header: make(http.Header), body: []byte(body)}
}

// problem is a reply with an error of the API itself.
func problem(status int, message string) *reply {
	return text(status, jsonType, `{"error":"`+message+`"}`)
}

// hang waits until the fault is removed. Where the client goes first, it ends
// the request.
func (x *exchange) hang(f *fault) {
	select {
	case <-f.removed:
	case <-x.r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}

// pause waits. Where the client goes first, it ends the request.
func (x *exchange) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-x.r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}

// errCut ends the writing of a body that is cut off cleanly.
var errCut = errors.New("simulator: the body is cut off here")

// end ends a body in the way of how, or returns nil for going on.
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

// flush sends what was written so far.
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
		return // the client is gone
	}
	if x.compressor != nil {
		_ = x.compressor.Close()
	}
}

// cutter is a writer that calls cut after a number of bytes, once, and goes on
// if cut returns nil.
type cutter struct {
	w    io.Writer
	left int64
	cut  func() error // nil once called
}

// Write writes p as far as the cut allows.
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
