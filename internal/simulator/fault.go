package simulator

import (
	"math/rand/v2"
	"slices"
	"sync"
)

// Fault makes the account misbehave for matching requests. Faults that match the same request
// act in the order of addition.
type Fault struct {
	// Operation limits it to one call; "" for all.
	Operation Operation
	// EndpointID limits it to one endpoint; "" for all.
	EndpointID string
	// EventID limits it to one event; "" for all. In GetEvent these are the requests for the
	// event. In ListEvents it is the element of the list, if the effect is one on elements.
	EventID string
	// Times is the number of requests after which it ends; 0 for never.
	Times int
	// Probability is the chance of acting on a request; 0 for always.
	Probability float64
	// Do is the effect of the fault.
	Do Effect
}

// AddFault adds a fault from the next request on, and returns a function to remove it.
// Removing the fault lets the requests continue that it delays. It can be removed twice.
func (a *Account) AddFault(f Fault) (remove func()) {
	held := &fault{Fault: f, removed: make(chan struct{})}
	a.faults.mu.Lock()
	a.faults.all = append(a.faults.all, held)
	a.faults.mu.Unlock()
	return sync.OnceFunc(func() {
		a.faults.mu.Lock()
		a.faults.drop(held)
		a.faults.mu.Unlock()
		close(held.removed)
	})
}

// ClearFaults removes all faults. Requests delayed by one of them stay so until its remove
// function is called, or the client disconnects.
func (a *Account) ClearFaults() {
	a.faults.mu.Lock()
	defer a.faults.mu.Unlock()
	a.faults.all = nil
}

// fault is a fault that was added.
type fault struct {
	Fault
	removed chan struct{} // closed by remove
	used    int
}

// matches reports whether the fault affects a request.
func (f *fault) matches(r *Request) bool {
	return (f.Operation == "" || f.Operation == r.Operation) &&
		(f.EndpointID == "" || f.EndpointID == r.EndpointID) &&
		(f.EventID == "" || r.Operation != GetEvent || f.EventID == r.EventID)
}

// faultBox holds the faults of an account.
type faultBox struct {
	mu  sync.Mutex
	all []*fault
	rng *rand.Rand
}

// match returns the faults that act on a request, and counts their use.
func (b *faultBox) match(r *Request) []*fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	var acting []*fault
	for _, f := range b.all {
		if !f.matches(r) || f.Probability > 0 && b.rng.Float64() >= f.Probability {
			continue
		}
		f.used++
		acting = append(acting, f)
	}
	for _, f := range acting {
		if f.used == f.Times {
			b.drop(f)
		}
	}
	return acting
}

// drop removes a fault from the box.
func (b *faultBox) drop(f *fault) {
	b.all = slices.DeleteFunc(b.all, func(have *fault) bool { return have == f })
}
