package server

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	maxConnections = 512
	maxHeaderBytes = 16 << 10
	bodyTimeout    = 5 * time.Second // for the body of a request, which no page reads
	sendBuffer     = 64 << 10        // of the kernel, for a client that takes nothing
)

// use is what a connection is doing, the least useful last.
type use int

const (
	answering use = iota
	idle
	fresh      // no request came yet
	unreadBody // an answer is given, the request's body is waited for
)

// connections bounds those that are open at once. One too many takes the place of one
// that has no request to be answered, the least useful first, and is closed where there
// is none.
type connections struct {
	mu   sync.Mutex
	open map[net.Conn]use
}

func newConnections() *connections { return &connections{open: make(map[net.Conn]use)} }

// changed is the ConnState of an http.Server.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		limitBuffer(conn)
		if len(c.open) >= maxConnections && !c.closeOne() {
			_ = conn.Close()
		}
		c.open[conn] = fresh
	case http.StateActive:
		c.open[conn] = answering
	case http.StateIdle:
		c.open[conn] = idle
	default:
		delete(c.open, conn)
	}
}

// closeOne closes the least useful connection, if it is not answering.
func (c *connections) closeOne() bool {
	var worst net.Conn
	for conn, u := range c.open {
		if u > answering && (worst == nil || u > c.open[worst]) {
			worst = conn
		}
	}
	if worst == nil {
		return false
	}
	delete(c.open, worst)
	_ = worst.Close()
	return true
}

// connection is the key of a request's connection in its context.
type connection struct{}

// remember is the ConnContext of an http.Server.
func (c *connections) remember(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connection{}, conn)
}

// withoutBody bounds the time in which a body has to come. No page reads one, but
// net/http does after the answer.
func (c *connections) withoutBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Connection", "close") // else it is read before the answer
		next.ServeHTTP(w, r)
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
		c.mu.Lock()
		defer c.mu.Unlock()
		if conn, ok := r.Context().Value(connection{}).(net.Conn); ok && r.ProtoMajor == 1 {
			if _, open := c.open[conn]; open {
				c.open[conn] = unreadBody
			}
		}
	})
}

// limitBuffer bounds what the kernel keeps of an answer that nobody takes: it counts as
// the container's memory.
func limitBuffer(conn net.Conn) {
	if secured, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secured.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer)
	}
}
