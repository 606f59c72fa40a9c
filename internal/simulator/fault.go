package simulator

import (
	"math/rand/v2"
	"slices"
	"sync"
)

// Fault makes the account misbehave for the requests that match it. Faults
// that match the same request act in the order in which they were added.
type Fault struct {
	// Operation is the call that it is about, "" for every call.
	Operation Operation
	// EndpointID restricts it to one endpoint, "" for all.
	EndpointID string
	// EventID restricts it to one event, "" for all: in GetEvent to the
	// requests for that event, in ListEvents to that element of the list, as
	// far as the effect is one on single elements.
	EventID string
	// Times is after how many requests it ends by itself, 0 for never.
	Times int
	// Probability is the chance that it acts on a request, 0 for always.
	Probability float64
	// Do is the effect of the fault.
	Do Effect
}

// AddFault adds a fault, effective from the next request on, and returns the
// function that removes it. Removing it lets requests go on that it holds up;
// removing it twice is fine.
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

// ClearFaults removes all faults. Requests that one of them holds up stay held until its
// remove is called or the client leaves.
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

// matches reports whether the fault is about the request.
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

// match returns the faults that act on the request and counts their use.
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

// drop takes a fault out of the box.
func (b *faultBox) drop(f *fault) {
	b.all = slices.DeleteFunc(b.all, func(have *fault) bool { return have == f })
}
