package syncer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"omegastream_exporter/client"
)

// Operations that are not API calls.
const (
	WriteState client.Operation = "write_state"
	OpSync     client.Operation = "sync" // the whole sync: a refused key, or an API that does not answer

	// Unusable parts of usable answers.
	UseElements client.Operation = "use_elements" // of a list
	UseMembers  client.Operation = "use_members"  // of a detail
)

const (
	lineEvery  = time.Minute   // between log lines of an operation
	oddEvents  = 1000          // maximum number of events reported one by one
	oddForgets = 7 * time.Hour // a detail is asked for again sooner than this
)

// problems knows what fails, and logs when that begins and ends: an API that is down for an
// hour gives two lines, and so does one that fails for a thousand endpoints.
type problems struct {
	log *slog.Logger

	mu     sync.Mutex
	now    map[subject]*problem
	events int // of these, the ones of single events
	lines  map[client.Operation]*lines
	closed bool
}

// problem is a Problem with what the log needs.
type problem struct {
	Problem
	kind   string
	last   time.Time // report
	logged bool
}

// subject is what fails: an operation, for an event, an endpoint or the whole account.
type subject struct {
	operation  client.Operation
	endpointID string
	eventID    string
}

func newProblems(l *slog.Logger) *problems {
	return &problems{log: l, now: make(map[subject]*problem), lines: make(map[client.Operation]*lines)}
}

// report records an error. A call that the exporter itself cancelled is not an error.
func (p *problems) report(s subject, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now, kind := time.Now(), kindOf(err)
	if was, ok := p.now[s]; ok {
		was.Err, was.last = err, now
		if was.kind == kind {
			p.of(s).Debug("Still failing", "err", err)
			return
		}
		was.kind, was.logged = kind, false
	} else {
		if s.eventID != "" {
			if p.events >= oddEvents {
				p.forget(now)
			}
			if p.events >= oddEvents {
				return
			}
			p.events++
		}
		p.now[s] = &problem{Problem: Problem{s.operation, s.endpointID, err, now}, kind: kind, last: now}
	}
	p.changed(s, now)
}

// healed records that a reported subject works again.
func (p *problems) healed(s subject) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, failing := p.now[s]; failing {
		p.remove(s)
		p.changed(s, time.Now())
	}
}

// allHealed records that operations work again, whatever their subjects.
func (p *problems) allHealed(operations ...client.Operation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var healed []subject
	for s := range p.now {
		if slices.Contains(operations, s.operation) {
			healed = append(healed, s)
			p.remove(s)
		}
	}
	for _, s := range healed {
		p.changed(s, time.Now())
	}
}

func (p *problems) remove(s subject) {
	delete(p.now, s)
	if s.eventID != "" {
		p.events--
	}
}

// drop forgets a subject that is no longer tried.
func (p *problems) drop(s subject) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, failing := p.now[s]; failing {
		p.remove(s)
	}
}

// forget drops events that are no longer asked for. The caller holds p.mu.
func (p *problems) forget(now time.Time) {
	for s, one := range p.now {
		if s.eventID != "" && now.Sub(one.last) > oddForgets {
			p.remove(s)
		}
	}
}

// retain drops the problems of all endpoints but these.
func (p *problems) retain(endpoints map[string]struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range maps.Clone(p.now) {
		if _, there := endpoints[s.endpointID]; s.endpointID != "" && !there {
			p.remove(s)
		}
	}
}

// has reports whether something fails.
func (p *problems) has(s subject) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, failing := p.now[s]
	return failing
}

// any reports whether one of the operations fails, for an endpoint or the account.
func (p *problems) any(operations ...client.Operation) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.now {
		if slices.Contains(operations, s.operation) {
			return true
		}
	}
	return false
}

// all returns what fails, with the events of an endpoint as one problem.
func (p *problems) all() []Problem {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(time.Now())
	found := make(map[subject]Problem, len(p.now))
	for s, one := range p.now {
		of := subject{operation: s.operation, endpointID: s.endpointID}
		if other, ok := found[of]; !ok || one.Since.Before(other.Since) {
			found[of] = one.Problem
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.EndpointID, b.EndpointID))
	})
}

// oddError says which part of an answer is unusable.
type oddError struct {
	text string
	kind string // the names of the members
}

func (e *oddError) Error() string { return e.text }

// use reports the unusable parts of an answer, or that there are none.
func (p *problems) use(s subject, faults client.Faults) {
	if len(faults) == 0 {
		p.healed(s)
		return
	}
	p.report(s, &oddError{faults.String(), strings.Join(slices.Sorted(maps.Keys(faults)), ", ")})
}

// kindOf returns the part of an error that is the same in each call: the texts of one problem
// can differ in a port, a pause or an offset.
func kindOf(err error) string {
	if odd := (*oddError)(nil); errors.As(err, &odd) {
		return odd.kind
	}
	var e *client.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	for _, kind := range []error{
		client.ErrConnection, client.ErrTimeout, client.ErrBadPayload, client.ErrTooLarge, client.ErrRateLimited, client.ErrServer,
	} {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	return fmt.Sprintf("status %d", e.StatusCode)
}
