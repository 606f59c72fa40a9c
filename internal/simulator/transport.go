package simulator

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// ErrClosed is the error of a request through Transport if the account closed or reset the
// connection before sending a header.
var ErrClosed = errors.New("simulator: connection closed before an answer")

// Transport returns a RoundTripper that passes requests to an account without a network, for
// tests in a bubble of testing/synctest. It adds no headers and does not decompress. A body
// that the account aborts ends with io.ErrUnexpectedEOF.
func Transport(a http.Handler) http.RoundTripper {
	return transport{a}
}

type transport struct{ handler http.Handler }

// RoundTrip lets the handler answer the request. The handler runs until the
// body is closed or the request's context ends.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	body, pipe := io.Pipe()
	w := &pipeWriter{header: make(http.Header), pipe: pipe, sent: make(chan *http.Response, 1)}
	context.AfterFunc(ctx, func() { _ = pipe.CloseWithError(ctx.Err()) })
	go func() {
		defer func() {
			switch p := recover(); p {
			case nil:
				w.WriteHeader(http.StatusOK)
				_ = pipe.Close()
			case http.ErrAbortHandler:
				_ = pipe.CloseWithError(cmp.Or(ctx.Err(), io.ErrUnexpectedEOF))
				close(w.sent)
			default:
				panic(p)
			}
		}()
		t.handler.ServeHTTP(w, r.Clone(ctx))
	}()
	select {
	case resp := <-w.sent:
		if resp == nil {
			cancel()
			return nil, errors.Join(r.Context().Err(), ErrClosed)
		}
		resp.Request = r
		resp.Body = &cancelBody{body, cancel}
		return resp, nil
	case <-ctx.Done():
		cancel()
		return nil, ctx.Err()
	}
}

// pipeWriter is the ResponseWriter of a transport.
type pipeWriter struct {
	header http.Header
	pipe   *io.PipeWriter
	once   sync.Once
	sent   chan *http.Response // the header, once; closed without one after an abort
}

// Header returns the header to be sent.
func (w *pipeWriter) Header() http.Header { return w.header }

// Write writes to the body; it blocks until the client reads.
func (w *pipeWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.pipe.Write(p)
}

// WriteHeader sends the header; only the first call counts.
func (w *pipeWriter) WriteHeader(code int) {
	w.once.Do(func() {
		length, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64)
		if err != nil {
			length = -1
		}
		w.sent <- &http.Response{
			Status:     strconv.Itoa(code) + " " + http.StatusText(code),
			StatusCode: code,
			Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header:        w.header.Clone(),
			ContentLength: length,
		}
	})
}

// FlushError does nothing, because the client gets every write at once.
func (w *pipeWriter) FlushError() error { return nil }

// cancelBody is a body whose Close ends its handler.
type cancelBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Close closes the body.
func (b *cancelBody) Close() error {
	b.cancel()
	return b.ReadCloser.Close()
}
