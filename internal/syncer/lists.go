package syncer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
)

const (
	longestSync = time.Minute // after which a sync ends with what it has
	slowList    = time.Minute // from a list's header on, after which nothing waits for it
	headerTime  = 10          // seconds' worth of the rate that can wait for the headers of lists
)

// pass is a sync while it reads the lists.
type pass struct {
	*Syncer
	led  context.Context // of the state
	turn bool            // begins with this sync

	ids        []string // not begun
	waiting    int      // started, and perhaps not ended
	ended      chan ending
	read       int
	failed     int
	unanswered int              // of these, the ones without an answer
	missing    map[string]error // 404s, which the account's endpoints must explain
	calls      context.Context  // of the reads
	paused     error            // the API has asked for a pause
	err        error            // the error that ends the sync
}

// read is the read of one list. Syncer.mu guards its fields.
type read struct {
	calls    context.Context // its own: ends when it is cancelled
	ended    chan<- ending   // of the sync that waits for it
	answered bool            // the header has arrived
	slow     bool            // nothing waits for it any longer
}

// ending tells a sync how a read is going, or how it ended.
type ending struct {
	id  string
	how how
	err error // why it failed
}

// how is how a read is going, or how it ended.
type how int

const (
	answered how = iota // the header has arrived; the read continues
	complete
	failed
	notDue  // the list rests
	unasked // the API has asked for a pause
	absent  // 404, which the account's endpoints must explain
)

var (
	// errSlowList is returned for a list that takes longer than slowList.
	errSlowList = fmt.Errorf("the list takes more than %v to read, it is read on", slowList)

	// errNotDue is returned for a list that is not due.
	errNotDue = errors.New("the list is not due")
)

// continues keeps only the endpoints that the previous sync has not read.
func (p *pass) continues(before *pass) {
	there := make(map[string]struct{}, len(p.ids))
	for _, id := range p.ids {
		there[id] = struct{}{}
	}
	p.problems.retain(there)
	p.mu.Lock()
	maps.DeleteFunc(p.pausing, func(id string, _ bool) bool {
		_, ok := there[id]
		return !ok
	})
	p.mu.Unlock()
	if before != nil {
		p.ids = slices.DeleteFunc(before.ids, func(id string) bool {
			_, ok := there[id]
			return !ok
		})
	}
}

// readLists reads the lists, and waits for those still being read since the previous sync.
// When the sync has taken too long, the rest stays in p.ids.
func (p *pass) readLists(ctx context.Context) {
	p.missing, p.calls = make(map[string]error), p.fetcher.backoff.callContext()
	p.ended = make(chan ending, 2*(len(p.ids)+2*p.opts.Concurrency)) // so that no read blocks
	p.join()
	limit := time.NewTimer(longestSync)
	defer limit.Stop()
	for {
		p.beginReads(ctx)
		if p.waiting == 0 && (len(p.ids) == 0 || p.over()) {
			return
		}
		select {
		case e := <-p.ended:
			p.note(e)
		case <-limit.C:
			return
		case <-ctx.Done():
			p.err = ctx.Err()
			return
		}
	}
}

// over reports whether to request no more lists.
func (p *pass) over() bool { return p.err != nil || p.paused != nil }

// join makes this sync wait for the reads under way. Slow ones have already failed. The lists
// of cancelled ones are read again, and the old reads change nothing.
func (p *pass) join() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, r := range p.reads {
		switch {
		case r.calls != p.calls:
			delete(p.reads, id)
		case r.slow:
			p.failed++
		default:
			r.ended = p.ended
			p.waiting++
		}
	}
	p.ids = slices.DeleteFunc(p.ids, func(id string) bool { return p.reads[id] != nil })
}

// beginReads starts as many reads as possible. A slow list frees its slot in the client, so
// there can be more reads than slots. With a low rate, only a few wait for it, so that they
// do not delay more urgent calls. A list that paused all calls last time waits for those
// before it, or it would delay their turn again.
func (p *pass) beginReads(ctx context.Context) {
	if p.over() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	unanswered := 0
	for _, r := range p.reads {
		if !r.answered {
			unanswered++
		}
	}
	limit := 2 * p.opts.Concurrency
	patient := limit
	if rate := p.opts.RateLimit; rate > 0 {
		patient = min(limit, max(1, int(rate*headerTime)))
	}
	for len(p.ids) > 0 && len(p.reads) < limit && unanswered < patient && ctx.Err() == nil {
		id, r := p.ids[0], &read{calls: p.calls, ended: p.ended}
		if p.pausing[id] && unanswered > 0 {
			return
		}
		p.ids = p.ids[1:]
		p.reads[id] = r
		p.waiting++
		unanswered++
		p.running.Go(func() { p.readOne(r.calls, id, r) })
	}
}

// note records how a read is going.
func (p *pass) note(e ending) {
	if e.how != answered {
		p.waiting--
	}
	switch e.how {
	case answered:
	case complete:
		p.read++
	case notDue: // it keeps the result of its last read
		if p.problems.has(subject{operation: client.OpListEvents, endpointID: e.id}) {
			p.failed++
		} else {
			p.read++
		}
	case unasked:
		p.paused = e.err
	case absent:
		p.missing[e.id] = e.err
	case failed:
		switch {
		case errors.Is(e.err, client.ErrUnauthorized), errors.Is(e.err, errState), errors.Is(e.err, state.ErrFollows):
			p.end(e.err)
		case errors.Is(e.err, context.Canceled): // the API has refused the key in another call
			p.end(context.Cause(p.calls))
		default:
			p.failed++
			if noAnswer(e.err) {
				p.unanswered++
			}
		}
	}
}

// end ends the sync. If the API refuses the key, it cancels the other calls too.
func (p *pass) end(err error) {
	if p.err == nil {
		p.err = err
	}
	if errors.Is(err, client.ErrUnauthorized) {
		p.fetcher.backoff.stop(err)
	}
}

// left returns the number of endpoints that the sync has not read.
func (p *pass) left() int { return len(p.ids) + p.waiting }

// goesOn reports whether the next sync must follow at once and read the rest.
func (p *pass) goesOn() bool { return p.left() > 0 && !p.over() }

// readOne reads one list, reports how that ended, and notifies the sync that waits for it.
func (s *Syncer) readOne(ctx context.Context, id string, r *read) {
	done := s.state.KeepLease()
	defer done()
	e := ending{id: id, how: failed}
	e.err = s.readList(ctx, id, r)
	switch err := e.err; {
	case err == nil:
		e.how = complete
		s.problems.healed(subject{operation: client.OpListEvents, endpointID: id})
	case errors.Is(err, errNotDue):
		e.how = notDue
	case errors.Is(err, errState), errors.Is(err, client.ErrUnauthorized), errors.Is(err, state.ErrFollows), ctx.Err() != nil: // affects more than this list
	case isUnasked(err):
		e.how = unasked
	case errors.Is(err, client.ErrNotFound) && s.hintMissing(id):
		e.how = absent
	default:
		s.readFailed(id, err)
	}
	s.mu.Lock()
	if s.reads[id] == r {
		delete(s.reads, id)
		if e.how != unasked && e.how != notDue {
			s.pausing[id] = pauses(e.err)
		}
	}
	waited, ended := !r.slow, r.ended
	s.mu.Unlock()
	if waited {
		ended <- e
	}
}

// pauses reports whether the API's answer pauses all calls.
func pauses(err error) bool {
	var e *client.Error
	return errors.As(err, &e) && e.StatusCode != 0 && e.RetryAfter > 0
}

// isUnasked reports whether an error came without a request, because the API has asked for
// a pause.
func isUnasked(err error) bool {
	var e *client.Error
	return errors.Is(err, client.ErrRateLimited) && errors.As(err, &e) && e.StatusCode == 0
}

// readFailed reports that a list could not be read.
func (s *Syncer) readFailed(id string, err error) {
	s.problems.report(subject{operation: client.OpListEvents, endpointID: id}, err)
	s.state.Do(func(a *ledger.Account) { a.ReadFailed(id, kindOf(err), s.state.Now()) })
}

// headerOf records that the header of a list has arrived. Unless the returned timer is
// stopped in time, the list is slow.
func (s *Syncer) headerOf(id string, r *read) *time.Timer {
	s.mu.Lock()
	r.answered = true
	ended := r.ended
	s.mu.Unlock()
	ended <- ending{id: id, how: answered}
	return time.AfterFunc(slowList, func() {
		s.mu.Lock()
		r.slow = s.reads[id] == r
		slow, ended := r.slow, r.ended
		s.mu.Unlock()
		if slow {
			s.readFailed(id, errSlowList)
			ended <- ending{id: id, how: failed, err: errSlowList}
		}
	})
}
