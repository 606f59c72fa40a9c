package collector

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
)

// sync is one pass over the account's lists. An error ends it: the listing of the
// account failed, the API refuses the key, or the state cannot be written.
func (s *syncer) sync(ctx context.Context) result {
	listed, failed, err := s.readLists(ctx)
	if err == nil && failed == 0 {
		s.book.Do(func(a *ledger.Account) { a.Synced(time.Now()) })
	}
	if err == nil {
		err = s.durable(ctx)
	}
	switch {
	case err != nil || failed > 0 && failed == listed:
		return syncError
	case failed > 0:
		return syncPartial
	}
	return syncSuccess
}

// readLists reads the account's list of endpoints, then the list of each. It
// returns how many there are and how many could not be read.
func (s *syncer) readLists(ctx context.Context) (listed, failed int, err error) {
	if err := s.listEndpoints(ctx); err != nil {
		return 0, 0, err
	}
	s.drain.resume()
	var ids []string
	s.book.Look(func(a *ledger.Account) { ids = a.ToRead() })
	failed, err = s.readAll(ctx, ids)
	return len(ids), failed, err
}

// listEndpoints brings the account's endpoints up to date. Where the flags name
// them nothing depends on it: a key may be allowed to read no more than those.
func (s *syncer) listEndpoints(ctx context.Context) error {
	if err := s.writable(ctx); err != nil {
		return err
	}
	list, err := s.api.ListEndpoints(ctx)
	if err != nil {
		s.log.report(subject{operation: client.OpListEndpoints}, err)
		if s.opts.Pinned && !errors.Is(err, client.ErrUnauthorized) {
			return nil
		}
		s.refuse(err)
		return err
	}
	s.log.healed(subject{operation: client.OpListEndpoints})
	s.telemetry.invalid(client.OpListEndpoints, list.Invalid)
	found := make([]ledger.Found, len(list.Endpoints))
	for i, e := range list.Endpoints {
		found[i] = foundEndpoint(e, s.opts.URLDetail)
	}
	s.book.Do(func(a *ledger.Account) { a.List(found, list.Date, time.Now()) })
	return nil
}

// readAll reads the lists of events and returns how many could not be read. An
// error ends all reads at once.
func (s *syncer) readAll(ctx context.Context, ids []string) (failed int, err error) {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s.opts.Concurrency)
	for _, id := range ids {
		group.Go(func() error {
			err := s.readList(ctx, id)
			if refused(err) || errors.Is(err, errState) {
				return err
			}
			of := subject{client.OpListEvents, id}
			if err == nil {
				s.log.healed(of)
				return nil
			}
			s.log.report(of, err)
			mu.Lock()
			defer mu.Unlock()
			failed++
			return nil
		})
	}
	err = group.Wait()
	all := subject{operation: client.OpListEvents}
	switch {
	case err == nil:
		s.log.healed(all)
	case refused(err):
		s.log.report(all, err)
		s.refuse(err)
	}
	return failed, err
}

// refuse ends the drain, too, where the API refuses the key.
func (s *syncer) refuse(err error) {
	if refused(err) {
		s.drain.brake.stop()
	}
}

// refused reports whether the API does not accept the key, so that further calls
// are pointless.
func refused(err error) bool {
	return errors.Is(err, client.ErrUnauthorized) || errors.Is(err, client.ErrForbidden)
}
