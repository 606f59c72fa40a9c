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

// The operations that are not calls of the API.
const (
	WriteState client.Operation = "write_state"
	OpSync     client.Operation = "sync" // as a whole: a key that is refused, an API that does not answer

	// Parts of answers that otherwise are of use.
	UseElements client.Operation = "use_elements" // of a list
	UseMembers  client.Operation = "use_members"  // of a detail
)

const (
	lineEvery  = time.Minute   // a line of the log for each operation
	oddEvents  = 1000          // events that are reported one by one, at most
	oddForgets = 7 * time.Hour // a detail is asked for again sooner than that
)

// problems knows what fails, and logs where it begins and ends: an API that is down for
// an hour is two lines, and so is one that fails for a thousand endpoints.
type problems struct {
	log *slog.Logger

	mu     sync.Mutex
	now    map[subject]*problem
	events int // of them, those of single events
	lines  map[client.Operation]*lines
	closed bool
}

// problem is a Problem and what the log needs to know of it.
type problem struct {
	Problem
	kind   string
	last   time.Time // report
	logged bool
}

// subject is what fails: an operation, of one event, of one endpoint or of the whole
// account.
type subject struct {
	operation  client.Operation
	endpointID string
	eventID    string
}

func newProblems(l *slog.Logger) *problems {
	return &problems{log: l, now: make(map[subject]*problem), lines: make(map[client.Operation]*lines)}
}

// report notes an error. A call that we canceled ourselves is no error.
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

// healed notes that what was reported works again.
func (p *problems) healed(s subject) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, failing := p.now[s]; failing {
		p.remove(s)
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

// forget drops events that are not asked for any more. The caller holds p.mu.
func (p *problems) forget(now time.Time) {
	for s, one := range p.now {
		if s.eventID != "" && now.Sub(one.last) > oddForgets {
			p.remove(s)
		}
	}
}

// keep forgets the problems of all endpoints but these.
func (p *problems) keep(endpoints map[string]struct{}) {
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

// any reports whether one of the operations fails, of an endpoint or of the account.
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

// all returns what fails, the events of an endpoint as one.
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

// oddError says what of an answer cannot be used.
type oddError struct {
	text string
	kind string // the names of the members
}

func (e *oddError) Error() string { return e.text }

// use reports the parts of an answer that cannot be used, or that there are none.
func (p *problems) use(s subject, faults client.Faults) {
	if len(faults) == 0 {
		p.healed(s)
		return
	}
	p.report(s, &oddError{faults.String(), strings.Join(slices.Sorted(maps.Keys(faults)), ", ")})
}

// kindOf returns what stays the same of an error from call to call: the text of one problem
// differs by a port, a pause or the number of a byte.
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
