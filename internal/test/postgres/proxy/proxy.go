package proxy

import (
	"context"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Chances are the probabilities of a cut, each from 0 to 1.
type Chances struct {
	// BeforeCommit cuts before a COMMIT, which does not reach the server.
	BeforeCommit float64
	// AfterCommit cuts before the answer to a COMMIT that was made, which does not reach the
	// client.
	AfterCommit float64
	// BeforeEnd cuts before the end of an answer. The rest of the answer reaches the client.
	BeforeEnd float64
	// Message cuts in the middle of any message, in either direction.
	Message float64
}

// Counts is what a proxy has done so far.
type Counts struct {
	Connections   int64 // to the server
	Commits       int64 // confirmed by the server
	Transactions  int64 // ended, of one statement or several, including requests for the description of a statement
	Swallowed     int64 // messages
	BeforeCommit  int64 // number of such cuts
	AfterCommit   int64
	BeforeEnd     int64
	Message       int64
	Cut           int64 // connections cut by Cut
	Refused       int64 // connections
	Stalls        int64
	Unreachable   int64 // connections closed because the server was unreachable
	CancelRequest int64
}

// Cuts returns the number of cut connections, for any reason.
func (c Counts) Cuts() int64 {
	return c.BeforeCommit + c.AfterCommit + c.BeforeEnd + c.Message + c.Cut
}

// Proxy is a proxy in front of a server. Its methods are safe for concurrent use.
type Proxy struct {
	listener net.Listener
	running  sync.WaitGroup
	ended    context.Context // of the proxy
	end      context.CancelFunc

	connections, commits, transactions, swallowed, beforeCommit, afterCommit, beforeEnd, message, cut, refused, stalls, unreachable, cancels atomic.Int64

	delay   atomic.Int64 // of each message in each direction
	longest atomic.Int64 // longest message of a client that arrives; 0 for no limit

	mu      sync.Mutex
	target  string
	rng     *rand.Rand
	chances Chances
	refuse  bool
	flow    chan struct{} // closed while messages can pass
	open    map[*connection]bool
	moments []time.Time
}

// New starts a proxy in front of a server, until the end of the test. The seed decides which
// messages are cut by chance.
func New(t testing.TB, target string, seed uint64) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{
		target: target, listener: listener, rng: rand.New(rand.NewPCG(seed, 0x9c0de)),
		flow: make(chan struct{}), open: make(map[*connection]bool),
	}
	close(p.flow)
	p.ended, p.end = context.WithCancel(context.Background())
	p.running.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Address returns the proxy's address.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Turn cuts all connections, and connects new ones to another server.
func (p *Proxy) Turn(target string) {
	p.mu.Lock()
	p.target = target
	p.mu.Unlock()
	p.Cut()
}

// Set sets the chances of a cut, from the next message on. A new proxy has none.
func (p *Proxy) Set(c Chances) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.chances = c
}

// Cut cuts all connections, and returns their number.
func (p *Proxy) Cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		c.cut()
		p.cut.Add(1)
		p.moments = append(p.moments, time.Now())
	}
	return len(p.open)
}

// Stall lets all connections hang, including new ones, like a network that drops packets.
// What was under way arrives after resume.
func (p *Proxy) Stall() (resume func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalls.Add(1)
	flow := make(chan struct{})
	p.flow = flow
	return sync.OnceFunc(func() { close(flow) })
}

// Delay delays every message, as if the server were on another continent. A round trip takes
// twice as long.
func (p *Proxy) Delay(d time.Duration) { p.delay.Store(int64(d)) }

// Swallow drops messages of clients that are longer than a number of bytes, and everything
// after them on that connection, like a network path with a smaller packet size than it
// announces. Zero ends this for new connections.
func (p *Proxy) Swallow(longer int) { p.longest.Store(int64(longer)) }

// Refuse cuts all connections, and closes new ones at once.
func (p *Proxy) Refuse() (accept func()) {
	p.mu.Lock()
	p.refuse = true
	p.mu.Unlock()
	p.Cut()
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.refuse = false
	}
}

// Counts returns what the proxy has done so far.
func (p *Proxy) Counts() Counts {
	return Counts{
		Connections: p.connections.Load(), Commits: p.commits.Load(), Transactions: p.transactions.Load(), Swallowed: p.swallowed.Load(),
		BeforeCommit: p.beforeCommit.Load(), AfterCommit: p.afterCommit.Load(), BeforeEnd: p.beforeEnd.Load(), Message: p.message.Load(),
		Cut: p.cut.Load(), Refused: p.refused.Load(), Stalls: p.stalls.Load(),
		Unreachable: p.unreachable.Load(), CancelRequest: p.cancels.Load(),
	}
}

// Moments returns the time of each cut.
func (p *Proxy) Moments() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.moments)
}

// close closes the proxy and all its connections.
func (p *Proxy) close() {
	p.end()
	p.listener.Close()
	p.Cut()
	p.running.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.running.Go(func() { p.serve(client.(*net.TCPConn)) })
	}
}

// serve handles one connection.
func (p *Proxy) serve(client *net.TCPConn) {
	c := &connection{proxy: p, client: client, commits: make(map[string]bool), gone: make(chan struct{})}
	p.mu.Lock()
	refuse := p.refuse
	if !refuse {
		p.open[c] = true
	}
	p.mu.Unlock()
	if refuse {
		p.refused.Add(1)
		reset(client)
		return
	}
	defer func() {
		p.mu.Lock()
		delete(p.open, c)
		p.mu.Unlock()
		c.cut()
	}()
	if p.ended.Err() == nil && c.passes() {
		c.carry(p.ended)
	}
}

// chance decides by chance whether a cut happens, and counts it.
func (p *Proxy) chance(of func(Chances) float64, count *atomic.Int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rng.Float64() >= of(p.chances) {
		return false
	}
	count.Add(1)
	p.moments = append(p.moments, time.Now())
	return true
}

// flowing returns a channel that is closed while messages can pass.
func (p *Proxy) flowing() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.flow
}
