package ledger

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

var errDisk = errors.New("no space left on device")

// rowStore keeps exactly the rows of the commits that returned nil. It fails and
// blocks on demand.
type rowStore struct {
	mu        sync.Mutex
	account   *AccountRow
	endpoints map[string]EndpointRow
	series    map[string]map[SeriesKey]SeriesRow
	latencies map[string]LatencyRow
	events    map[string]map[uint32]EventRow
	failures  map[string]map[position]FailureRow
	traces    map[string]map[position]TraceRow
	commits   int

	fail    func() error  // asked before every commit; nil means none fails
	entered chan struct{} // where not nil, a commit sends here and
	pass    chan struct{} // waits for this
	closed  bool
}

func newRowStore() *rowStore {
	return &rowStore{
		endpoints: make(map[string]EndpointRow), series: make(map[string]map[SeriesKey]SeriesRow),
		latencies: make(map[string]LatencyRow), events: make(map[string]map[uint32]EventRow),
		failures: make(map[string]map[position]FailureRow), traces: make(map[string]map[position]TraceRow),
	}
}

func (s *rowStore) Load(_ context.Context, rows Rows) error {
	if s.account == nil {
		return nil
	}
	row := *s.account
	row.Types = slices.Clone(row.Types)
	err := rows.Account(row)
	for _, r := range s.endpoints {
		err = errors.Join(err, rows.Endpoint(r.clone()))
	}
	for _, m := range s.series {
		for _, r := range m {
			err = errors.Join(err, rows.Series(r))
		}
	}
	for _, r := range s.latencies {
		err = errors.Join(err, rows.Latency(r))
	}
	for _, m := range s.events {
		for _, r := range m {
			err = errors.Join(err, rows.Event(r))
		}
	}
	for _, m := range s.failures {
		for _, r := range m {
			err = errors.Join(err, rows.Failure(r))
		}
	}
	for _, m := range s.traces {
		for _, r := range m {
			err = errors.Join(err, rows.Trace(r))
		}
	}
	return err
}

func (s *rowStore) Commit(ctx context.Context, b *Batch) error {
	if s.entered != nil {
		s.entered <- struct{}{}
		select {
		case <-s.pass:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(); err != nil {
			return err
		}
	}
	s.commits++
	for _, id := range b.Dropped {
		delete(s.endpoints, id)
		delete(s.series, id)
		delete(s.latencies, id)
		delete(s.events, id)
		delete(s.failures, id)
		delete(s.traces, id)
	}
	if b.Account != nil {
		s.account = b.Account
	}
	for _, r := range b.Endpoints {
		s.endpoints[r.ID] = r
	}
	for _, r := range b.Series {
		if s.series[r.Endpoint] == nil {
			s.series[r.Endpoint] = make(map[SeriesKey]SeriesRow)
		}
		s.series[r.Endpoint][r.Key] = r
	}
	for _, r := range b.Latencies {
		s.latencies[r.Endpoint] = r
	}
	for _, r := range b.Events {
		if s.events[r.Endpoint] == nil {
			s.events[r.Endpoint] = make(map[uint32]EventRow)
		}
		if r.Event.State == Free {
			delete(s.events[r.Endpoint], r.Slot)
		} else {
			s.events[r.Endpoint][r.Slot] = r
		}
	}
	for _, r := range b.Failures {
		if s.failures[r.Endpoint] == nil {
			s.failures[r.Endpoint] = make(map[position]FailureRow)
		}
		if at := (position{r.Time, r.Key}); r.Failure == nil {
			delete(s.failures[r.Endpoint], at)
		} else {
			s.failures[r.Endpoint][at] = r
		}
	}
	for _, r := range b.Traces {
		if s.traces[r.Endpoint] == nil {
			s.traces[r.Endpoint] = make(map[position]TraceRow)
		}
		if at := (position{r.Time, r.Key}); r.Gone {
			delete(s.traces[r.Endpoint], at)
		} else {
			s.traces[r.Endpoint][at] = r
		}
	}
	return nil
}

func (s *rowStore) SetAside(time.Time) (string, error) {
	*s = *newRowStore()
	return "elsewhere", nil
}

func (s *rowStore) Size() int64 { return 0 }

func (s *rowStore) Close() error {
	s.closed = true
	return nil
}
