package syncer

import (
	"context"
	"errors"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
)

// unfitFor is how long a replica with a problem of its own leaves the lead to one that
// syncs well.
const unfitFor = 10 * time.Minute

// lead makes this replica lead, which it always does in a state of its own. The calls of
// the API end with ctx, which is nil where another replica leads.
func (s *Syncer) lead() (led, ctx context.Context) {
	led, err := s.state.Lead(s.ctx)
	if err != nil && s.ctx.Err() == nil {
		_ = s.stateError(err)
	}
	if led == nil {
		return nil, nil
	}
	ctx, end := context.WithCancelCause(s.ctx)
	context.AfterFunc(led, func() { end(state.ErrFollows) })
	s.fetcher.backoff.lead(ctx)
	return led, ctx
}

// leave ends a turn in which another replica leads: the next scrape asks it again.
func (s *Syncer) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.done)
	s.done, s.began, s.again = nil, time.Time{}, false
}

// publish tells the other replicas how a sync ended, with its last commit, unless the problem
// is this replica's own.
func (s *Syncer) publish(p *pass) {
	s.mu.Lock()
	took := time.Since(s.began)
	rest := max(0, s.intervalAfter(s.failuresAfter(p.result()))-took)
	s.mu.Unlock()
	switch {
	case p.led.Err() != nil, errors.Is(p.err, errState), errors.Is(p.err, state.ErrFollows), errors.Is(p.err, context.Canceled):
		s.state.GiveBack(p.led, 0) // a lease that was lost says nothing about the next one
	case p.ownProblem():
		s.state.GiveBack(p.led, unfitFor)
	default:
		s.state.Synced(p.led, ledger.SyncRecord{Result: string(p.result()), Took: took, Rest: rest})
	}
}

// vetting is what a Syncer that has not led yet knows of whose account its key opens.
type vetting struct {
	last    time.Time // ask
	running bool
}

// vet asks a replica's own key whose account it opens, where another replica leads before
// this one ever has: it would show the counters of that account as those of its own.
func (s *Syncer) vet() {
	known := false
	s.state.Look(func(a *ledger.Account) { known = a.HasCompany() })
	s.mu.Lock()
	defer s.mu.Unlock()
	v, now := &s.vetting, time.Now()
	if !known || s.listing.known || v.running || now.Sub(v.last) < listingEvery || s.ctx.Err() != nil {
		return
	}
	v.running, v.last = true, now
	s.running.Go(func() {
		passed := s.vetted()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.vetting.running = false; passed {
			s.listing.asked(now, true)
		}
	})
}

// vetted reports whether the key belongs to the state's account. The replica that leads
// reports the API's problems.
func (s *Syncer) vetted() bool {
	list, err := s.api.ListEndpoints(s.state.FollowersCall(s.ctx))
	if err == nil {
		s.state.Look(func(a *ledger.Account) { err = a.Belongs(foundEndpoints(list)) })
	}
	all := subject{operation: OpSync}
	switch {
	case err == nil:
		s.problems.healed(all)
	case isOwnProblem(err):
		s.problems.report(all, err)
	}
	return err == nil
}

// ownProblem reports whether the sync says nothing about the account: the API did not
// answer, or does not know the key, or the key is of another account.
func (p *pass) ownProblem() bool {
	return isOwnProblem(p.err) || p.read == 0 && p.unanswered > 0 && p.unanswered == p.failed
}

func isOwnProblem(err error) bool {
	for _, kind := range []error{client.ErrConnection, client.ErrTimeout, client.ErrUnauthorized, ledger.ErrOtherCompany} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// followed takes in the last sync of another replica.
func (s *Syncer) followed() {
	last := s.state.LastSync()
	if last.Number == 0 || last.Ours {
		return
	}
	s.problems.healed(subject{operation: WriteState})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endedAt(last.Ended)
	if s.took, s.result = last.Took, Result(last.Result); s.result != Failed {
		s.failures = 0
	}
}

// serve begins a turn whenever another replica asks for one.
func (s *Syncer) serve() {
	for {
		select {
		case <-s.state.Asked():
		case <-s.ctx.Done():
			return
		}
		if !s.state.Wanted() { // a sync for a scrape of this replica was what it wanted
			continue
		}
		s.mu.Lock()
		if now := time.Now(); s.began.IsZero() || now.Sub(s.began) >= s.interval() {
			s.begin(now)
		}
		s.mu.Unlock()
	}
}

// Leads reports whether this replica made the last sync that it knows of; shared is false
// where the state is its own.
func (s *Syncer) Leads() (leads, shared bool) {
	return s.state.LastSync().Ours, s.state.Shared()
}
