package syncer

import (
	"context"
	"errors"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
)

// unfitFor is how long a replica with a problem of its own leaves the lease to one that syncs
// well.
const unfitFor = 10 * time.Minute

// lead makes this replica lead, as it always does if its state is not shared. API calls end
// with ctx, which is nil if another replica leads.
func (s *Syncer) lead() (led, ctx context.Context) {
	led, err := s.state.Lead(s.ctx)
	if err != nil && s.ctx.Err() == nil {
		_ = s.stateError(err)
	}
	if led == nil {
		return nil, nil
	}
	s.mu.Lock()
	s.heard = s.state.LastSync().Number
	s.mu.Unlock()
	return led, s.fetcher.backoff.lead(led)
}

// leave ends a turn in which another replica leads, so that the next scrape asks it again.
func (s *Syncer) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.done)
	s.done, s.began, s.again = nil, time.Time{}, false
}

// publish commits how a sync ended for the other replicas, with its last changes, unless the
// problem is this replica's own.
func (s *Syncer) publish(p *pass) {
	s.mu.Lock()
	took := time.Since(s.began)
	rest := max(0, s.intervalAfter(s.failuresAfter(p.result()))-took)
	s.mu.Unlock()
	switch {
	case p.led.Err() != nil, errors.Is(p.err, errState), errors.Is(p.err, state.ErrFollows), errors.Is(p.err, context.Canceled):
		s.state.GiveBack(p.led, 0) // a lost lease says nothing about the next one
	case p.ownProblem():
		s.state.GiveBack(p.led, unfitFor)
	default:
		s.state.Synced(p.led, ledger.SyncRecord{Result: string(p.result()), Took: took, Rest: rest})
	}
}

// vetting is what a Syncer that has not led yet knows about the account of its key.
type vetting struct {
	last    time.Time // of the last check
	running bool
}

// vet checks the replica's own key and way to the API while another replica leads: which
// account the key opens, if this replica has never led, because it would otherwise show the
// other account's counters as its own; and whether what made its last sync fail has ended.
func (s *Syncer) vet() {
	known := false
	s.state.Look(func(a *ledger.Account) { known = a.HasCompany() })
	s.mu.Lock()
	defer s.mu.Unlock()
	v, now := &s.vetting, time.Now()
	vetted := s.listing.known && !s.problems.any(OpSync)
	if !known || vetted || v.running || now.Sub(v.last) < listingEvery || s.ctx.Err() != nil {
		return
	}
	v.running, v.last = true, now
	s.running.Go(func() {
		passed := s.vetted()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.vetting.running = false; passed {
			s.listing.asked(now, true)
			s.state.Fit()
		}
	})
}

// vetted reports whether the key belongs to the state's account. The leader reports the API's
// problems.
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

// ownProblem reports whether a sync says nothing about the account: the API did not answer,
// does not accept the key, or the key belongs to another account.
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

// followed applies another replica's last sync.
func (s *Syncer) followed() {
	last := s.state.LastSync()
	if last.Number == 0 || last.Ours {
		return
	}
	s.problems.healed(subject{operation: WriteState})
	s.mu.Lock()
	defer s.mu.Unlock()
	if result := Result(last.Result); last.Number != s.heard && result != Failed {
		if result == Success { // it listed and read everything since
			s.problems.allHealed(client.OpListEndpoints, client.OpListEvents)
		}
		if s.turn = max(s.turn, last.Took); last.Took <= s.theirs { // another turn has begun
			s.turn = s.theirs
		}
		s.theirs = last.Took
	}
	s.heard = last.Number
	s.endedAt(last.Ended)
	if s.took, s.result = last.Took, Result(last.Result); s.result != Failed {
		s.failures = 0
	}
}

// syncWhenAsked starts a turn whenever another replica asks for one.
func (s *Syncer) syncWhenAsked() {
	for {
		select {
		case <-s.state.Asked():
		case <-s.ctx.Done():
			return
		}
		if !s.state.Wanted() { // it only wanted a sync for a scrape of this replica
			continue
		}
		s.mu.Lock()
		if now := time.Now(); s.began.IsZero() || now.Sub(s.began) >= s.interval() {
			s.begin(now)
		}
		s.mu.Unlock()
	}
}

// Leads reports whether this replica made the last known sync. shared is false if the state
// is not shared.
func (s *Syncer) Leads() (leads, shared bool) {
	return s.state.LastSync().Ours, s.state.Shared()
}
