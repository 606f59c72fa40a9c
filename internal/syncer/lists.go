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
	longestSync = time.Minute // after which a sync is ended with what it has
	slowList    = time.Minute // from the header of a list on, after which nothing waits for it
	headerTime  = 10          // seconds' worth of the rate that may wait for the header of a list
)

// pass is one sync on its way through the lists.
type pass struct {
	*Syncer
	led  context.Context // of the state
	turn bool            // begins with it

	ids           []string // not begun
	waiting       int      // begun, and not known to have ended
	ended         chan ending
	read          int
	failed        int
	unanswered    int              // of them, those to which no answer came
	missing       map[string]error // 404, which the account's endpoints are to explain
	listingFailed bool
	calls         context.Context // of the reads
	paused        error           // the API has asked for a pause
	err           error           // ends the sync
}

// read is the read of one list. Its fields are guarded by Syncer.mu.
type read struct {
	ended    chan<- ending // of the sync that waits for it
	answered bool          // the header has come
	slow     bool          // nothing waits for it any more
}

// ending tells a sync how a read goes on, or went.
type ending struct {
	id  string
	how how
	err error // why it failed
}

// how is how a read goes on, or went.
type how int

const (
	answered how = iota // the header has come, it goes on
	complete
	failed
	notDue  // the list rests
	unasked // the API has asked for a pause
	absent  // 404, which the account's endpoints are to explain
)

var (
	// errSlowList is returned for a list that takes longer than slowList to read.
	errSlowList = fmt.Errorf("the list takes more than %v to read, it is read on", slowList)

	// errNotDue is returned for a list that rests.
	errNotDue = errors.New("the list is not due")
)

// continues keeps only the endpoints that the sync before has not read.
func (p *pass) continues(before *pass) {
	there := make(map[string]struct{}, len(p.ids))
	for _, id := range p.ids {
		there[id] = struct{}{}
	}
	p.problems.keep(there)
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

// readLists reads the lists, and waits for those that are being read since the sync
// before. What is left when the sync has taken very long stays in p.ids.
func (p *pass) readLists(ctx context.Context) {
	p.missing, p.calls = make(map[string]error), p.fetcher.backoff.callContext()
	p.ended = make(chan ending, 2*(len(p.ids)+2*p.opts.Concurrency)) // so that no read waits
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

// over reports whether no more lists are to be asked for.
func (p *pass) over() bool { return p.err != nil || p.paused != nil }

// join makes this sync the one that waits for the reads that are under way. One that is
// slow has failed already.
func (p *pass) join() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.reads {
		if r.slow {
			p.failed++
			continue
		}
		r.ended = p.ended
		p.waiting++
	}
	p.ids = slices.DeleteFunc(p.ids, func(id string) bool { return p.reads[id] != nil })
}

// beginReads begins as many reads as may be under way. A list that takes long to read
// makes way for others in the client, so that these are more than it has slots; and where
// the rate is low, few wait for it, so that what is more urgent does not stand behind them.
// A list that paused all calls the last time waits for those before it, or it would keep
// them from their turn again.
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
		id, r := p.ids[0], &read{ended: p.ended}
		if p.pausing[id] && unanswered > 0 {
			return
		}
		p.ids = p.ids[1:]
		p.reads[id] = r
		p.waiting++
		unanswered++
		p.running.Go(func() { p.readOne(p.calls, id, r) })
	}
}

// note notes how a read goes on.
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
		case errors.Is(e.err, context.Canceled): // the API has refused the key to another call
			p.end(context.Cause(p.calls))
		default:
			p.failed++
			if errors.Is(e.err, client.ErrConnection) || errors.Is(e.err, client.ErrTimeout) {
				p.unanswered++
			}
		}
	}
}

// end ends the sync, and with it the other calls where the API refuses the key.
func (p *pass) end(err error) {
	if p.err == nil {
		p.err = err
	}
	if errors.Is(err, client.ErrUnauthorized) {
		p.fetcher.backoff.stop(err)
	}
}

// left returns how many endpoints the sync has not read.
func (p *pass) left() int { return len(p.ids) + p.waiting }

// goesOn reports whether the next sync is to follow at once and read what is left.
func (p *pass) goesOn() bool { return p.left() > 0 && !p.over() }

// readOne reads one list, reports how that ended, and tells the sync that waits for it.
func (s *Syncer) readOne(ctx context.Context, id string, r *read) {
	release := s.state.Keep()
	defer release()
	e := ending{id: id, how: failed}
	e.err = s.readList(ctx, id, r)
	switch err := e.err; {
	case err == nil:
		e.how = complete
		s.problems.healed(subject{operation: client.OpListEvents, endpointID: id})
	case errors.Is(err, errNotDue):
		e.how = notDue
	case errors.Is(err, errState), errors.Is(err, client.ErrUnauthorized), errors.Is(err, state.ErrFollows), ctx.Err() != nil: // more than this list
	case isUnasked(err):
		e.how = unasked
	case errors.Is(err, client.ErrNotFound) && s.hintMissing(id):
		e.how = absent
	default:
		s.readFailed(id, err)
	}
	s.mu.Lock()
	delete(s.reads, id)
	if e.how != unasked && e.how != notDue {
		s.pausing[id] = pauses(e.err)
	}
	waited, ended := !r.slow, r.ended
	s.mu.Unlock()
	if waited {
		ended <- e
	}
}

// pauses reports whether the API answered with a pause for all calls.
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

// headerOf notes that the header of a list has come. The list is slow if the timer that it
// returns is not stopped soon enough.
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
