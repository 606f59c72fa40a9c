package proxy

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

var (
	// errCut ends a direction in which a message is cut.
	errCut = errors.New("proxy: the connection is cut here")

	// errCutBehind is errCut after what has come so far, which still arrives.
	errCutBehind = errors.New("proxy: the connection is cut behind this")
)

// connection is a connection between a client and the server.
type connection struct {
	proxy  *Proxy
	client *net.TCPConn

	commits map[string]bool // names of prepared statements that commit
	begun   bool            // the server was ready for its first transaction

	once   sync.Once
	gone   chan struct{} // closed by cut
	mu     sync.Mutex
	server *net.TCPConn // nil until connected
}

// cut ends the connection without notifying either side.
func (c *connection) cut() {
	c.once.Do(func() {
		close(c.gone)
		reset(c.client)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.server != nil {
			reset(c.server)
		}
	})
}

// reset closes a connection so that the other side sees it broken, not ended.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0) // it can already be closed
	c.Close()
}

// passes waits while the proxy stalls. It returns false if the connection ended meanwhile.
func (c *connection) passes() bool {
	select {
	case <-c.proxy.flowing():
		return true
	case <-c.gone:
		return false
	}
}

// dial connects to the server.
func (c *connection) dial(ctx context.Context) bool {
	c.proxy.mu.Lock()
	target := c.proxy.target
	c.proxy.mu.Unlock()
	server, err := new(net.Dialer).DialContext(ctx, "tcp", target)
	if err != nil {
		c.proxy.unreachable.Add(1)
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.server = server.(*net.TCPConn)
	select {
	case <-c.gone: // cut while connecting
		reset(c.server)
		return false
	default:
		return true
	}
}

// carry forwards messages in both directions, until one side ends or the connection is cut.
func (c *connection) carry(ctx context.Context) {
	client := bufio.NewReaderSize(c.client, 64<<10)
	first, err := c.start(client)
	if err != nil || !c.dial(ctx) {
		return
	}
	if _, err := c.server.Write(first.raw); err != nil {
		return
	}
	if first.cancels {
		c.proxy.cancels.Add(1)
		_, _ = io.Copy(io.Discard, c.server) // the server answers by closing the connection
		return
	}
	c.proxy.connections.Add(1)
	c.proxy.running.Go(func() {
		defer c.cut()
		_ = c.pump(client, c.server, c.toServer, message.awaited) // the side that ends first ends both
	})
	_ = c.pump(bufio.NewReaderSize(c.server, 64<<10), c.client, c.toClient, func(message) bool { return true })
}

// pump forwards messages in one direction. look sees each before it is forwarded. Messages
// are buffered until one for which ends returns true.
func (c *connection) pump(from *bufio.Reader, to io.Writer, look func(message) error, ends func(message) bool) error {
	out := bufio.NewWriterSize(to, 64<<10)
	arrivals := make(chan arrival, 1<<10)
	c.proxy.running.Go(func() { c.arrive(from, arrivals) })
	for a := range arrivals {
		m := a.message
		if !c.waits(a.at) || !c.passes() {
			return errCut
		}
		if err := look(m); err != nil {
			if errors.Is(err, errCutBehind) {
				_ = out.Flush()
			}
			return err
		}
		if c.proxy.chance(func(of Chances) float64 { return of.Message }, &c.proxy.message) {
			_, _ = out.Write(m.raw[:len(m.raw)/2])
			_ = out.Flush()
			return errCut
		}
		if _, err := out.Write(m.raw); err != nil {
			return err
		}
		if len(arrivals) == 0 && ends(m) {
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// arrival is a message under way.
type arrival struct {
	message
	at time.Time
}

// arrive records when each message came.
func (c *connection) arrive(from *bufio.Reader, arrivals chan<- arrival) {
	defer close(arrivals)
	for {
		m, err := readMessage(from)
		if err != nil {
			return
		}
		select {
		case arrivals <- arrival{m, time.Now()}:
		case <-c.gone:
			return
		}
	}
}

// waits delays an arrival. It returns false if the connection ended meanwhile.
func (c *connection) waits(came time.Time) bool {
	left := time.Until(came.Add(time.Duration(c.proxy.delay.Load())))
	if left <= 0 {
		return true
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.gone:
		return false
	}
}

// toServer cuts before a COMMIT, depending on chance.
func (c *connection) toServer(m message) error {
	if limit := c.proxy.longest.Load(); limit > 0 && int64(len(m.raw)) > limit {
		c.proxy.swallowed.Add(1)
		<-c.gone
		return errCut
	}
	if c.commit(m) && c.proxy.chance(func(of Chances) float64 { return of.BeforeCommit }, &c.proxy.beforeCommit) {
		return errCut
	}
	return nil
}

// toClient cuts before the answer to a COMMIT, or before the end of any answer, depending on
// chance.
func (c *connection) toClient(m message) error {
	if m.idle() {
		if c.begun {
			c.proxy.transactions.Add(1)
			if c.proxy.chance(func(of Chances) float64 { return of.BeforeEnd }, &c.proxy.beforeEnd) {
				return errCutBehind
			}
		}
		c.begun = true
	}
	if !m.committed() {
		return nil
	}
	c.proxy.commits.Add(1)
	if c.proxy.chance(func(of Chances) float64 { return of.AfterCommit }, &c.proxy.afterCommit) {
		return errCut
	}
	return nil
}
