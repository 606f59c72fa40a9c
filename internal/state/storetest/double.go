package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"omegastream_exporter/internal/ledger"
)

// ErrDisk is the error of failing commits in tests.
var ErrDisk = errors.New("no space left on device")

// Place is an event's place in the order of creation.
type Place struct {
	Time int64
	Key  ledger.Key
}

// Double is a store that keeps the rows of successful commits. It fails and blocks on demand.
type Double struct {
	Mu        sync.Mutex
	Row       *ledger.AccountRow
	Endpoints map[string]ledger.EndpointRow
	Counters  map[string]map[ledger.CounterKey]ledger.CounterRow
	Latencies map[string]ledger.LatencyRow
	Events    map[string]map[uint32]ledger.EventRow
	Failures  map[string]map[Place]ledger.FailureRow
	Traces    map[string]map[Place]ledger.TraceRow
	Commits   int

	Fail    func() error  // called before every commit; nil means that none fails
	Entered chan struct{} // if not nil, each commit sends here and then
	Pass    chan struct{} // waits for this
	Closed  bool
}

// NewDouble returns an empty double.
func NewDouble() *Double {
	return &Double{
		Endpoints: make(map[string]ledger.EndpointRow), Counters: make(map[string]map[ledger.CounterKey]ledger.CounterRow),
		Latencies: make(map[string]ledger.LatencyRow), Events: make(map[string]map[uint32]ledger.EventRow),
		Failures: make(map[string]map[Place]ledger.FailureRow), Traces: make(map[string]map[Place]ledger.TraceRow),
	}
}

// Load implements [state.Store].
func (s *Double) Load(_ context.Context, rows ledger.Rows) error {
	if s.Row == nil {
		return nil
	}
	row := *s.Row
	row.Types = slices.Clone(row.Types)
	err := rows.Account(row)
	for _, r := range s.Endpoints {
		err = errors.Join(err, rows.Endpoint(r.Clone()))
	}
	for _, m := range s.Counters {
		for _, r := range m {
			err = errors.Join(err, rows.Counter(r))
		}
	}
	for _, r := range s.Latencies {
		err = errors.Join(err, rows.Latency(r))
	}
	for _, m := range s.Events {
		for _, r := range m {
			err = errors.Join(err, rows.Event(r))
		}
	}
	for _, m := range s.Failures {
		for _, r := range m {
			err = errors.Join(err, rows.Failure(r))
		}
	}
	for _, m := range s.Traces {
		for _, r := range m {
			err = errors.Join(err, rows.Trace(r))
		}
	}
	return err
}

// Commit implements [state.Store].
func (s *Double) Commit(ctx context.Context, b *ledger.Batch) error {
	if s.Entered != nil {
		s.Entered <- struct{}{}
		select {
		case <-s.Pass:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if s.Fail != nil {
		if err := s.Fail(); err != nil {
			return err
		}
	}
	s.Commits++
	for _, id := range b.Dropped {
		delete(s.Endpoints, id)
		delete(s.Counters, id)
		delete(s.Latencies, id)
		delete(s.Events, id)
		delete(s.Failures, id)
		delete(s.Traces, id)
	}
	if b.Account != nil {
		s.Row = b.Account
	}
	for _, r := range b.Endpoints {
		s.Endpoints[r.ID] = r
	}
	for _, r := range b.Counters {
		if s.Counters[r.Endpoint] == nil {
			s.Counters[r.Endpoint] = make(map[ledger.CounterKey]ledger.CounterRow)
		}
		s.Counters[r.Endpoint][r.Key] = r
	}
	for _, r := range b.Latencies {
		s.Latencies[r.Endpoint] = r
	}
	for _, r := range b.Events {
		if s.Events[r.Endpoint] == nil {
			s.Events[r.Endpoint] = make(map[uint32]ledger.EventRow)
		}
		if r.Event.Stage == ledger.Free {
			delete(s.Events[r.Endpoint], r.Slot)
		} else {
			s.Events[r.Endpoint][r.Slot] = r
		}
	}
	for _, r := range b.Failures {
		if s.Failures[r.Endpoint] == nil {
			s.Failures[r.Endpoint] = make(map[Place]ledger.FailureRow)
		}
		if at := (Place{r.Time, r.Key}); r.Failure == nil {
			delete(s.Failures[r.Endpoint], at)
		} else {
			s.Failures[r.Endpoint][at] = r
		}
	}
	for _, r := range b.Traces {
		if s.Traces[r.Endpoint] == nil {
			s.Traces[r.Endpoint] = make(map[Place]ledger.TraceRow)
		}
		if at := (Place{r.Time, r.Key}); r.Gone {
			delete(s.Traces[r.Endpoint], at)
		} else {
			s.Traces[r.Endpoint][at] = r
		}
	}
	return nil
}

// SetAside implements [state.Store].
func (s *Double) SetAside(time.Time) (string, error) {
	*s = *NewDouble()
	return "elsewhere", nil
}

// Size implements [state.Store].
func (s *Double) Size() int64 { return 0 }

// Close implements [state.Store].
func (s *Double) Close() error {
	s.Closed = true
	return nil
}

// Value returns the number of counted events of an endpoint.
func (s *Double) Value(endpoint string) uint64 {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	for key, r := range s.Counters[endpoint] {
		if key.Kind == ledger.CountEvents {
			return r.Value
		}
	}
	return 0
}
