package server

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	maxAnswers     = 512 // requests answered at a time; others get a 503
	maxConnections = 640 // the difference is for requests that get a 503
	maxHeaderBytes = 16 << 10
	bodyTimeout    = 5 * time.Second // for a request's body, which no page reads
	sendBuffer     = 64 << 10        // in the kernel, for a client that reads nothing
)

// use is what a connection is doing; the least useful is last.
type use int

const (
	answering use = iota
	idle
	fresh      // no request yet
	unreadBody // answered, but the request's body has not arrived
)

// connections limits the open connections and the running requests. A connection above the
// limit replaces one without a request: the least useful one, and the oldest of these. If all
// have a request, the new connection is closed.
type connections struct {
	mu      sync.Mutex
	open    map[net.Conn]usage
	answers int
}

// usage is the use of a connection, and since when.
type usage struct {
	use   use
	since time.Time
}

func newConnections() *connections { return &connections{open: make(map[net.Conn]usage)} }

// changed is the ConnState of an http.Server.
func (c *connections) changed(conn net.Conn, now http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch now {
	case http.StateNew:
		limitBuffer(conn)
		if len(c.open) >= maxConnections && !c.closeOne() {
			_ = conn.Close()
		}
		c.set(conn, fresh)
	case http.StateActive:
		c.set(conn, answering)
	case http.StateIdle:
		c.set(conn, idle)
	default:
		c.remove(conn)
	}
}

func (c *connections) set(conn net.Conn, u use) {
	c.remove(conn)
	c.open[conn] = usage{u, time.Now()}
	if u == answering {
		c.answers++
	}
}

func (c *connections) remove(conn net.Conn) {
	if s, ok := c.open[conn]; ok && s.use == answering {
		c.answers--
	}
	delete(c.open, conn)
}

// closeOne closes the least useful connection, unless it is answering. A new connection has
// its request under way.
func (c *connections) closeOne() bool {
	var worst net.Conn
	var of usage
	for conn, s := range c.open {
		if s.use > of.use || s.use == of.use && s.use != answering && s.since.Before(of.since) {
			worst, of = conn, s
		}
	}
	if worst == nil {
		return false
	}
	c.remove(worst)
	_ = worst.Close()
	return true
}

// full reports whether too many requests are running.
func (c *connections) full() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answers > maxAnswers
}

// bounded refuses requests while too many are running.
func (c *connections) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.full() {
			w.Header().Set("Connection", "close")
			plainText(w, http.StatusServiceUnavailable, "Too many requests at once, try again later.\n")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// connection is the context key of a request's connection.
type connection struct{}

// remember is the ConnContext of an http.Server.
func (c *connections) remember(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connection{}, conn)
}

// withoutBody limits the time for a request's body. No page reads one, but net/http does
// after the answer.
func (c *connections) withoutBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Connection", "close") // otherwise it is read before the answer
		next.ServeHTTP(w, r)
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
		c.mu.Lock()
		defer c.mu.Unlock()
		if conn, ok := r.Context().Value(connection{}).(net.Conn); ok && r.ProtoMajor == 1 {
			if _, open := c.open[conn]; open {
				c.set(conn, unreadBody)
			}
		}
	})
}

// limitBuffer limits the kernel's buffer for a client that reads nothing, because it counts
// as the container's memory.
func limitBuffer(conn net.Conn) {
	if secured, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secured.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer)
	}
}
