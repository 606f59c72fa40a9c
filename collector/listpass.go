package collector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
)

// sync is one pass over the account's lists. An error ends it: the listing of the
// account failed, the API refuses the key, or the state cannot be written.
func (s *syncer) sync(ctx context.Context, since time.Time) result {
	listed, failed, err := s.readLists(ctx, since)
	if err == nil && failed == 0 {
		s.book.Do(func(a *ledger.Account) {
			if now := s.book.Now(); !a.SyncedBetween(since, now) { // by another replica
				a.Synced(now)
			}
		})
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
// What another replica has read since then is not read again.
func (s *syncer) readLists(ctx context.Context, since time.Time) (listed, failed int, err error) {
	if err := s.listEndpoints(ctx, since); err != nil {
		return 0, 0, err
	}
	s.drain.resume()
	var ids []string
	s.book.Look(func(a *ledger.Account) { ids = a.ToRead() })
	failed, err = s.readAll(ctx, ids, since)
	return len(ids), failed, err
}

// listEndpoints brings the account's endpoints up to date, unless another replica
// has, or does.
func (s *syncer) listEndpoints(ctx context.Context, since time.Time) error {
	if err := s.writable(ctx); err != nil {
		return err
	}
	granted, err := s.awaitListing(ctx, since)
	if err != nil || !granted {
		return err
	}
	err = s.askEndpoints(ctx)
	s.book.Finish(ledger.Listing, err == nil)
	return err
}

// askEndpoints asks for the account's endpoints. Where the flags name them nothing
// depends on it: a key may be allowed to read no more than those.
func (s *syncer) askEndpoints(ctx context.Context) error {
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
	return s.takeIn(ctx, found, list.Date)
}

// takeIn enters a listing of the account. What it changes needs a lease each; what
// another replica works on is taken in by the next listing.
func (s *syncer) takeIn(ctx context.Context, found []ledger.Found, date time.Time) error {
	var ids []string
	s.book.Look(func(a *ledger.Account) { ids = a.Affected(found, s.book.Now()) })
	if len(ids) > 0 {
		grant, err := s.book.Claim(ctx, ledger.Request{Names: ids, Most: len(ids), Keep: true})
		defer s.book.Let(grant.Granted...) // with an error, too, some may be held
		if err != nil {
			return s.stateError(err)
		}
	}
	s.book.Do(func(a *ledger.Account) { a.List(found, date, s.book.Now()) })
	return nil
}

// readOne reads one list, in a slot that it gives back, and tells once how that
// ended, or that it takes very long.
func (s *syncer) readOne(ctx context.Context, id string, ended chan<- error) {
	defer func() { <-s.lists }()
	var once sync.Once
	tell := func(err error) { once.Do(func() { ended <- err }) }
	of := subject{client.OpListEvents, id}
	slow := time.AfterFunc(slowList, func() {
		s.log.report(of, errSlowList)
		tell(errSlowList)
	})
	defer slow.Stop()
	err := s.readList(ctx, id)
	if ctx.Err() != nil {
		s.book.Let(id)
	} else {
		s.book.Finish(id, err == nil)
	}
	switch {
	case err == nil:
		s.log.healed(of)
	case !refused(err) && !errors.Is(err, errState):
		s.log.report(of, err)
	}
	tell(err)
}

// errSlowList is returned for a list that takes longer than slowList to read.
var errSlowList = fmt.Errorf("the list takes more than %v to read, it is read on", slowList)

// begin marks a list as being read, and reports false where it is already.
func (s *syncer) begin(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, busy := s.reading[id]; busy {
		return false
	}
	s.reading[id] = struct{}{}
	return true
}

func (s *syncer) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.reading, id)
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
