package collector

import (
	"cmp"
	"slices"
	"time"

	"omegastream_exporter/client"
)

// Status is how the exporter gets on with the API, for people.
type Status struct {
	Syncing  bool
	Ended    time.Time     // of the last sync; zero if there was none since the start
	Took     time.Duration // the last sync
	Result   string        // of the last sync: success, partial or error
	Troubles []Trouble     // what is failing, in order of operation and endpoint
	Requests uint64        // to the API since the start
	Failed   uint64        // of them, those without a 2xx
}

// Trouble is an operation that fails, of one endpoint or of the whole account.
type Trouble struct {
	Operation  client.Operation // or "write_state"
	EndpointID string
	Err        error
	Since      time.Time
}

// Status returns how the exporter gets on. It waits for nothing.
func (e *Exporter) Status() Status {
	s := Status{
		Troubles: e.syncer.log.troubles(),
		Requests: e.telemetry.requests.Load(),
		Failed:   e.telemetry.failed.Load(),
	}
	e.syncer.mu.Lock()
	defer e.syncer.mu.Unlock()
	s.Syncing, s.Ended = e.syncer.pass != nil, e.syncer.ended
	s.Took, s.Result = e.syncer.took, string(e.syncer.result)
	return s
}

// troubles returns what was reported and has not healed.
func (l *errorLog) troubles() []Trouble {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]Trouble, 0, len(l.last))
	for of, t := range l.last {
		all = append(all, Trouble{of.operation, of.endpointID, t.err, t.since})
	}
	slices.SortFunc(all, func(a, b Trouble) int {
		return cmp.Or(cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.EndpointID, b.EndpointID))
	})
	return all
}
