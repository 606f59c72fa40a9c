package syncer

import (
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
)

// Status is how a Syncer gets on, for people.
type Status struct {
	Syncing  bool
	Ended    time.Time     // of the last sync; zero if there was none since the start
	Took     time.Duration // the last sync
	Result   Result        // of the last sync
	Every    time.Duration // between the ends of the last two syncs; zero before there are two
	Turn     time.Duration // how long it takes to read every list once
	Problems []Problem     // in order of operation and endpoint
}

// Problem is an operation that fails, of one endpoint or of the whole account.
type Problem struct {
	Operation  client.Operation // or WriteState
	EndpointID string           // empty where it is the account's
	Err        error
	Since      time.Time
}

// What says what does not work, in the words of a page.
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

// Status returns how the Syncer gets on. It waits for nothing.
func (s *Syncer) Status() Status {
	status := Status{Problems: s.problems.all()}
	s.mu.Lock()
	defer s.mu.Unlock()
	status.Syncing, status.Ended = s.done != nil, s.ended
	status.Every = s.every
	status.Took, status.Result, status.Turn = s.took, s.result, s.turn
	return status
}

// freshFor is how old the last read of a list may be while all is well, or three turns.
const freshFor = 5 * time.Minute

// Up reports whether all that is shown is fresh: the last ask for the account's endpoints
// and the last read of every list succeeded a short time ago.
func (s *Syncer) Up() bool {
	s.mu.Lock()
	limit := max(freshFor, 3*s.turn)
	listed := s.listing.ok && time.Since(s.listing.last) <= max(limit, 3*s.listing.every) || s.opts.Pinned && s.result != ""
	s.mu.Unlock()
	if last := s.state.LastSync(); last.Number > 0 && !last.Ours {
		listed = Result(last.Result) == Success // another replica asked
	}
	if !listed || s.problems.any(OpSync, WriteState) {
		return false
	}
	fresh := false
	s.state.Look(func(a *ledger.Account) { fresh = a.Fresh(s.state.Now(), limit) })
	return fresh
}
