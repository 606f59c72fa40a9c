package syncer

import (
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
)

// Status describes a Syncer for people.
type Status struct {
	Syncing  bool
	Ended    time.Time     // of the last sync; zero if there was none since the start
	Took     time.Duration // of the last sync
	Result   Result        // of the last sync
	Every    time.Duration // between the ends of the last two syncs; zero before there are two
	Turn     time.Duration // how long reading every list once takes
	Problems []Problem     // in order of operation and endpoint
}

// Problem is a failing operation, for an endpoint or for the whole account.
type Problem struct {
	Operation  client.Operation // or WriteState
	EndpointID string           // empty for the account
	Err        error
	Since      time.Time
}

// What says in plain words what does not work.
func (p Problem) What() string {
	switch p.Operation {
	case client.OpListEndpoints:
		return "The account's endpoints cannot be listed"
	case client.OpListEvents:
		return "The list of events cannot be read"
	case client.OpGetEvent:
		return "The details of some events cannot be fetched"
	case OpSync:
		return "The sync failed"
	case UseElements, UseMembers:
		return "A part of the API's answers cannot be used"
	default:
		return "The state cannot be written"
	}
}

// Status returns the present status, without waiting.
func (s *Syncer) Status() Status {
	status := Status{Problems: s.problems.all()}
	s.mu.Lock()
	defer s.mu.Unlock()
	status.Syncing, status.Ended = s.done != nil, s.ended
	status.Every = s.every
	status.Took, status.Result, status.Turn = s.took, s.result, s.turn
	return status
}

// freshFor is how old the last read of a list can be while all is well, unless three turns
// take longer.
const freshFor = 5 * time.Minute

// Up reports whether everything shown is current: the last request for the account's
// endpoints and the last read of every list succeeded a short time ago.
func (s *Syncer) Up() bool {
	s.mu.Lock()
	limit := max(freshFor, 3*s.turn)
	listed := s.listing.ok && time.Since(s.listing.last) <= max(limit, 3*s.listing.every) || s.opts.Pinned && s.result != ""
	s.mu.Unlock()
	if last := s.state.LastSync(); last.Number > 0 && !last.Ours {
		listed = Result(last.Result) == Success // another replica requested them
	}
	if !listed || s.problems.any(OpSync, WriteState) {
		return false
	}
	fresh := false
	s.state.Look(func(a *ledger.Account) { fresh = a.Fresh(s.state.Now(), limit) })
	return fresh
}
