package syncer

import (
	"context"
	"errors"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
)

// Result is how a sync ended.
type Result string

// The results of a sync, as metrics show them.
const (
	Success Result = "success" // every endpoint
	Partial Result = "partial" // some endpoints
	Failed  Result = "error"   // none
)

// Results returns every result that there is.
func Results() []Result { return []Result{Success, Partial, Failed} }

// sync is one pass over the account's lists, from its first call to its last commit.
func (s *Syncer) sync() {
	began := time.Now()
	result := Failed
	if listed, failed, err := s.readLists(s.ctx); err == nil {
		if failed == 0 {
			s.book.Do(func(a *ledger.Account) { a.Synced(s.book.Now()) })
		}
		switch {
		case s.durable(s.ctx) != nil || failed > 0 && failed == listed:
		case failed > 0:
			result = Partial
		default:
			result = Success
		}
	}
	s.mu.Lock()
	done := s.done
	s.done, s.ended = nil, time.Now()
	s.took, s.result = time.Since(began), result
	if s.failures++; result != Failed {
		s.failures = 0
	}
	s.mu.Unlock()
	s.opts.Observer.Synced(result, time.Since(began))
	close(done)
	s.fetcher.moved.notify() // what is waited for may have gone with its endpoint
}

// readLists reads the account's list of endpoints, then the list of each. It returns how
// many there are and how many could not be read. An error ends the sync: the listing of
// the account failed, the API refuses the key, or the state cannot be written.
func (s *Syncer) readLists(ctx context.Context) (listed, failed int, err error) {
	if err := s.listEndpoints(ctx); err != nil {
		return 0, 0, err
	}
	s.fetcher.resume()
	var ids []string
	s.book.Look(func(a *ledger.Account) { ids = a.ToRead() })
	failed, err = s.readAll(ctx, ids)
	return len(ids), failed, err
}

// listEndpoints brings the account's endpoints up to date. Where the flags name them
// nothing depends on it: a key may be allowed to read no more than those.
func (s *Syncer) listEndpoints(ctx context.Context) error {
	if err := s.writable(ctx); err != nil {
		return err
	}
	list, err := s.api.ListEndpoints(ctx)
	if err != nil {
		s.problems.report(subject{operation: client.OpListEndpoints}, err)
		if s.opts.Pinned && !errors.Is(err, client.ErrUnauthorized) {
			return nil
		}
		s.refuse(err)
		return err
	}
	s.invalid(client.OpListEndpoints, list.Faults.Total())
	found := make([]ledger.Found, len(list.Endpoints))
	for i, e := range list.Endpoints {
		found[i] = foundEndpoint(e)
	}
	believed := false
	s.book.Do(func(a *ledger.Account) { believed = a.List(found, list.Date, s.book.Now()) })
	if !believed {
		s.problems.report(subject{operation: client.OpListEndpoints}, errNoEndpoints)
		return errNoEndpoints
	}
	s.problems.healed(subject{operation: client.OpListEndpoints})
	return nil
}

// errNoEndpoints is returned for a listing that has no endpoint of an account that had
// some: it takes a while until that is believed.
var errNoEndpoints = errors.New("the account had endpoints and lists none now")

// invalid counts elements of answers that made no sense.
func (s *Syncer) invalid(op client.Operation, n int) {
	if n > 0 {
		s.opts.Observer.Invalid(op, n)
	}
}
