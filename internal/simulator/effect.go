package simulator

import (
	"net"
	"net/http"
	"strconv"
	"time"
)

// Effect is what a Fault does. Effects on the whole answer are in this file, those on its
// body in body.go, and those on its elements in elements.go. The last ones only change
// answers with 200.
type Effect struct {
	act  func(x *exchange, f *fault) // before the answer is made
	each func(v *view)               // on an event in a list or a detail
	list func(items) items           // on the elements of a list
}

// Delay delays the answer before its header.
func Delay(d time.Duration) Effect {
	return Effect{act: func(x *exchange, _ *fault) {
		x.pause(d)
	}}
}

// Hang delays the answer before its header, until the client disconnects or the fault is
// removed; then it continues.
func Hang() Effect {
	return Effect{act: func(x *exchange, f *fault) {
		x.hang(f)
	}}
}

// Status answers with a status code and a text.
func Status(code int, body string) Effect {
	return Effect{act: func(x *exchange, _ *fault) {
		x.reply = text(code, "text/plain; charset=utf-8", body)
	}}
}

// TooManyRequests answers 429 with a Retry-After of whole seconds.
func TooManyRequests(retryAfter time.Duration) Effect {
	return Effect{act: func(x *exchange, _ *fault) {
		x.reply = tooMany(retryAfter)
	}}
}

// TooManyRequestsUntil answers 429 with a Retry-After that is a date.
func TooManyRequestsUntil(t time.Time) Effect {
	return Header(Status(http.StatusTooManyRequests, "too many requests\n"), "Retry-After", httpDate(t))
}

// Unavailable answers 503 with a Retry-After of whole seconds.
func Unavailable(retryAfter time.Duration) Effect {
	seconds := strconv.Itoa(int(retryAfter.Seconds()))
	return Header(Status(http.StatusServiceUnavailable, "service unavailable\n"), "Retry-After", seconds)
}

// Redirect answers 302 to another address.
func Redirect(location string) Effect {
	return Header(Status(http.StatusFound, ""), "Location", location)
}

// Header adds another header to the answer of effect e.
func Header(e Effect, key, value string) Effect {
	act := e.act
	e.act = func(x *exchange, f *fault) {
		if act != nil {
			act(x, f)
		}
		x.header.Set(key, value)
	}
	return e
}

// Skew shifts the Date header.
func Skew(d time.Duration) Effect {
	return Effect{act: func(x *exchange, _ *fault) {
		x.skew += d
	}}
}

// Reset resets the connection before an answer (TCP RST), or aborts the answer if there is no
// TCP connection. Go's HTTP client repeats a GET that fails like this on a reused connection;
// close idle connections to see the error.
func Reset() Effect {
	return Effect{act: func(x *exchange, _ *fault) {
		conn, _, err := http.NewResponseController(x.w).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok {
			conn = wrapped.NetConn()
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // makes Close send RST
		}
		_ = conn.Close()
		panic(http.ErrAbortHandler)
	}}
}

// Close closes the connection before an answer. Go's client repeats the GET, as with Reset.
func Close() Effect {
	return Effect{act: func(*exchange, *fault) {
		panic(http.ErrAbortHandler)
	}}
}

// httpDate formats a time for HTTP headers.
func httpDate(t time.Time) string {
	return t.UTC().Format(http.TimeFormat)
}
