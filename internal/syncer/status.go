package syncer

import (
	"time"

	"omegastream_exporter/client"
)

// Status is how a Syncer gets on, for people.
type Status struct {
	Syncing  bool
	Ended    time.Time     // of the last sync; zero if there was none since the start
	Took     time.Duration // the last sync
	Result   Result        // of the last sync
	Problems []Problem     // in order of operation and endpoint
}

// Problem is an operation that fails, of one endpoint or of the whole account.
type Problem struct {
	Operation  client.Operation // or WriteState
	EndpointID string           // empty where it is the account's
	Err        error
	Since      time.Time
}

// What names the operation in the words of a page.
func (p Problem) What() string {
	switch p.Operation {
	case client.OpListEndpoints:
		return "Listing the account's endpoints"
	case client.OpListEvents:
		return "Reading the list of events"
	case client.OpGetEvent:
		return "Fetching the details of events"
	default:
		return "Writing the state"
	}
}

// Status returns how the Syncer gets on. It waits for nothing.
func (s *Syncer) Status() Status {
	status := Status{Problems: s.problems.all()}
	s.mu.Lock()
	defer s.mu.Unlock()
	status.Syncing, status.Ended = s.done != nil, s.ended
	status.Took, status.Result = s.took, s.result
	return status
}

// Up reports whether the last sync succeeded for every endpoint.
func (s *Syncer) Up() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.result == Success
}
