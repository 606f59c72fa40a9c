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
	// BeforeCommit is of a COMMIT, which then does not reach the server.
	BeforeCommit float64
	// AfterCommit is of the answer to a COMMIT that was carried out, which then
	// does not reach the client.
	AfterCommit float64
	// BeforeEnd is of the end of an answer, which then does not reach the client; what
	// comes before it does.
	BeforeEnd float64
	// Message is of any message in either direction; half of it arrives.
	Message float64
}

// Counts is what a proxy has done.
type Counts struct {
	Connections   int64 // that were let through to the server
	Commits       int64 // that the server said it carried out
	Transactions  int64 // that have ended, of one statement or several, and asks for what a statement returns
	Swallowed     int64 // messages
	BeforeCommit  int64 // cuts of that kind
	AfterCommit   int64
	BeforeEnd     int64
	Message       int64
	Cut           int64 // connections cut by Cut
	Refused       int64 // connections
	Stalls        int64
	Unreachable   int64 // connections closed since the server was not there
	CancelRequest int64
}

// Cuts is the number of connections that were cut, for any reason.
func (c Counts) Cuts() int64 {
	return c.BeforeCommit + c.AfterCommit + c.BeforeEnd + c.Message + c.Cut
}

// Proxy is one of them. Its methods are safe for concurrent use.
type Proxy struct {
	listener net.Listener
	running  sync.WaitGroup
	ended    context.Context // of the whole proxy
	end      context.CancelFunc

	connections, commits, transactions, swallowed, beforeCommit, afterCommit, beforeEnd, message, cut, refused, stalls, unreachable, cancels atomic.Int64

	delay   atomic.Int64 // of each message, in each direction
	longest atomic.Int64 // message of a client that arrives; 0 for any

	mu      sync.Mutex
	target  string
	rng     *rand.Rand
	chances Chances
	refuse  bool
	flow    chan struct{} // closed while messages may pass
	open    map[*connection]bool
	moments []time.Time
}

// New starts a proxy in front of a server, for as long as the test runs. The seed
// decides which messages chance picks.
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

// Address is where the proxy listens.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Turn cuts all connections, and leads new ones to another server.
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

// Cut cuts all connections now and returns how many there were.
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

// Stall lets every connection hang, new ones as well, as a network does that drops
// what it is given. What was under way arrives after resume.
func (p *Proxy) Stall() (resume func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalls.Add(1)
	flow := make(chan struct{})
	p.flow = flow
	return sync.OnceFunc(func() { close(flow) })
}

// Delay lets every message arrive so much later, as from another continent: a round trip
// takes twice that.
func (p *Proxy) Delay(d time.Duration) { p.delay.Store(int64(d)) }

// Swallow lets no message of a client arrive that has more bytes than that, nor what comes
// after it on that connection, as a network does whose path takes smaller packets than it
// says. Zero ends it for connections to come.
func (p *Proxy) Swallow(longer int) { p.longest.Store(int64(longer)) }

// Refuse cuts all connections and closes new ones at once.
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

// Moments returns when each cut was.
func (p *Proxy) Moments() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.moments)
}

// close ends it and everything that it has open.
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

// serve carries one connection.
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

// chance decides whether something happens, and counts it where it does.
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
