package syncer

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
)

// Result is how a sync ended.
type Result string

// The results of a sync, as metrics show them.
const (
	Success Result = "success" // nothing failed
	Partial Result = "partial" // some endpoints failed
	Failed  Result = "error"   // all of them failed, or the sync was cancelled
)

// Results returns all results.
func Results() []Result { return []Result{Success, Partial, Failed} }

// sync reads the account's lists, or those that the previous sync in the turn has left, from
// the first call to the last commit.
func (s *Syncer) sync(ctx, led context.Context, before *pass) *pass {
	p := &pass{Syncer: s, led: led, turn: before == nil}
	due, afterLists := s.listingDue()
	if p.err = s.writable(ctx); p.err == nil && due && !afterLists {
		p.listEndpoints(ctx)
	}
	if p.err == nil {
		s.fetcher.resume()
		s.state.Look(func(a *ledger.Account) { p.ids = a.ToRead() })
		p.continues(before)
		p.readLists(ctx)
	}
	if p.err == nil && (len(p.missing) > 0 || due && afterLists && p.left() == 0 && p.paused == nil) {
		p.listAfterwards(ctx)
	}
	if p.err == nil && p.left() == 0 && p.paused == nil && s.well() {
		s.state.Do(func(a *ledger.Account) { a.Synced(s.state.Now()) })
	}
	s.publish(p)
	if p.err == nil {
		p.err = s.durable(s.ctx) // ctx ends when the last commit releases the lease
	}
	p.report()
	return p
}

// listEndpoints updates the account's endpoints. If flags name the endpoints, it can fail,
// because the key can be limited to those.
func (p *pass) listEndpoints(ctx context.Context) {
	all := subject{operation: client.OpListEndpoints}
	list, err := p.api.ListEndpoints(ctx)
	if errors.Is(err, state.ErrFollows) { // no request was sent
		p.err = err
		return
	}
	if err == nil {
		p.invalid(client.OpListEndpoints, list.Faults.Total())
		p.problems.use(subject{operation: UseElements}, list.Faults)
		err = p.applyEndpoints(list)
	}
	p.mu.Lock()
	p.listing.asked(time.Now(), err == nil)
	if !isUnasked(err) {
		p.listing.pauses = pauses(err)
	}
	p.mu.Unlock()
	switch {
	case err == nil:
		p.problems.healed(all)
	case errors.Is(err, client.ErrUnauthorized), errors.Is(err, ledger.ErrOtherCompany), !p.opts.Pinned && p.endsSync(ctx, err):
		p.err = err
	default:
		p.problems.report(all, err)
	}
}

// applyEndpoints applies a listing of the account to the ledger.
func (p *pass) applyEndpoints(list client.EndpointList) error {
	found := foundEndpoints(list)
	ids := make(map[string]struct{}, len(found))
	for _, e := range found {
		ids[e.ID] = struct{}{}
	}
	var pinned []string
	var other error
	believed := false
	p.state.Do(func(a *ledger.Account) {
		if other = a.Belongs(found); other != nil {
			return
		}
		believed = a.List(found, list.Date, p.state.Now())
		pinned = a.ToRead()
	})
	if other != nil {
		return other
	}
	if !believed {
		return errNoEndpoints
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listing.answered(ids, time.Now())
	for _, id := range pinned {
		if _, listed := ids[id]; !listed && p.opts.Pinned {
			p.listing.hint(expected, id, time.Now())
		}
	}
	return nil
}

// errNoEndpoints is returned for a listing without endpoints of an account that had some,
// until that is believed.
var errNoEndpoints = errors.New("the account had endpoints and lists none now")

// endsSync reports whether an error of the account's listing makes all other calls pointless:
// the key has no access, the API has asked for a pause before, or it answers nothing. If
// another replica could lead instead, it is the one to try.
func (p *pass) endsSync(ctx context.Context, err error) bool {
	switch {
	case pauses(err): // the lists go on after it
		return false
	case noAnswer(err):
		return !p.state.LastResort() || !p.answersList(ctx)
	}
	return client.IsForbidden(err) || errors.Is(err, client.ErrRateLimited) || errors.Is(err, context.Canceled)
}

// answersList reports whether the API answers a request for any of the lists.
func (p *pass) answersList(ctx context.Context) bool {
	var ids []string
	p.state.Look(func(a *ledger.Account) { ids = a.ToRead() })
	if len(ids) == 0 {
		return false
	}
	list, err := p.api.ListEvents(ctx, ids[rand.IntN(len(ids))])
	if err == nil {
		list.Close()
	}
	return !noAnswer(err)
}

// noAnswer reports whether a call failed because nothing answered it.
func noAnswer(err error) bool {
	return errors.Is(err, client.ErrConnection) || errors.Is(err, client.ErrTimeout)
}

// listAfterwards requests the account's endpoints after the lists, some of which may have
// answered 404. If an endpoint no longer exists, that is not a failure.
func (p *pass) listAfterwards(ctx context.Context) {
	p.listEndpoints(ctx)
	there := make(map[string]struct{})
	p.state.Look(func(a *ledger.Account) {
		for _, id := range a.ToRead() {
			there[id] = struct{}{}
		}
	})
	for id, err := range p.missing {
		if _, still := there[id]; still {
			p.readFailed(id, err)
			p.failed++
		}
	}
	p.problems.retain(there)
}

// result returns how the sync ended.
func (p *pass) result() Result {
	switch {
	case p.err != nil:
		return Failed
	case p.failed == 0 && p.listed() && p.paused == nil:
		return Success
	case p.read == 0:
		return Failed
	}
	return Partial
}

// well reports whether the last listing of the account and the last read of every list
// succeeded.
func (s *Syncer) well() bool { return s.listed() && !s.problems.any(client.OpListEvents) }

// listed reports whether the last listing of the account succeeded, in this sync or before it,
// or nothing depends on it.
func (s *Syncer) listed() bool { return s.opts.Pinned || !s.problems.any(client.OpListEndpoints) }

// report logs what ended the sync, or that it works again.
func (p *pass) report() {
	all := subject{operation: OpSync}
	switch {
	case p.err == nil && p.paused != nil:
		p.problems.report(all, p.paused)
	case p.err == nil:
		p.problems.healed(all)
	case errors.Is(p.err, errState): // already reported
	case errors.Is(p.err, state.ErrFollows): // not a problem, as another replica leads
	default:
		p.problems.report(all, p.err)
	}
	if errors.Is(p.err, client.ErrUnauthorized) || errors.Is(p.err, client.ErrForbidden) {
		p.fetcher.backoff.stop(p.err)
	}
}

// announce logs once which account this is, and when turns begin to take more than one sync.
func (s *Syncer) announce(p *pass) {
	if p.err != nil {
		return
	}
	left, cut := p.left(), p.goesOn()
	s.mu.Lock()
	first := !s.announced && s.listing.known
	s.announced = s.announced || first
	began := cut && !s.cutShort
	ended := !cut && p.turn && s.cutShort
	s.cutShort = (s.cutShort || began) && !ended
	s.mu.Unlock()
	if first {
		v := s.state.View(s.state.Now())
		s.opts.Logger.Info("Synced for the first time since the start", "company_id", v.CompanyID, "endpoints", len(v.Endpoints))
	}
	switch {
	case began:
		s.opts.Logger.Info("A sync ended before it had read every list; the next one continues at once",
			"left", left, "read", p.read, "failed", p.failed)
	case ended:
		s.opts.Logger.Info("One sync reads every list again")
	}
}

// invalid counts unusable elements of answers.
func (s *Syncer) invalid(op client.Operation, n int) {
	if n > 0 {
		s.opts.Observer.Invalid(op, n)
	}
}
