package syncer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"omegastream_exporter/client"
)

// slowList is how long a sync waits for one list.
const slowList = time.Minute

// readAll reads the lists of events, as many at a time as the client does, and returns
// how many could not be read. An error ends all reads at once. A list that takes very
// long counts as one that could not be read, and is read on behind the sync: the
// others do not wait for it.
func (s *Syncer) readAll(ctx context.Context, ids []string) (failed int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	patience := time.NewTimer(slowList)
	defer patience.Stop()
	var reads sync.WaitGroup
	ended := make(chan error, len(ids))
	there, waiting := make(map[string]struct{}, len(ids)), 0
	for _, id := range ids {
		there[id] = struct{}{}
	}
	s.problems.keep(there)
	note := func(one error) {
		waiting--
		switch {
		case one == nil:
		case refused(one) || errors.Is(one, errState):
			if err == nil {
				err = one
			}
			cancel()
		default:
			failed++
		}
	}
	for len(ids) > 0 && ctx.Err() == nil {
		if !s.begin(ids[0]) { // since an earlier sync
			ids = ids[1:]
			failed++
			continue
		}
		id := ids[0]
		select {
		case s.lists <- struct{}{}:
			ids = ids[1:]
			waiting++
			reads.Add(1)
			s.running.Go(func() {
				defer reads.Done()
				defer s.end(id)
				s.readOne(ctx, id, ended)
			})
			continue
		case one := <-ended:
			note(one)
		case <-patience.C: // slow lists have all the slots
			failed += len(ids)
			ids = nil
		case <-ctx.Done():
		}
		s.end(id)
	}
	s.running.Go(func() { reads.Wait(); cancel() })
	for waiting > 0 {
		note(<-ended)
	}
	all := subject{operation: client.OpListEvents}
	switch {
	case s.ctx.Err() != nil:
		err = s.ctx.Err()
	case err == nil:
		s.problems.healed(all)
	case refused(err):
		s.problems.report(all, err)
		s.refuse(err)
	}
	return failed, err
}

// readOne reads one list, in a slot that it gives back, and tells once how that
// ended, or that it takes very long.
func (s *Syncer) readOne(ctx context.Context, id string, ended chan<- error) {
	defer func() { <-s.lists }()
	var once sync.Once
	tell := func(err error) { once.Do(func() { ended <- err }) }
	of := subject{client.OpListEvents, id}
	slow := time.AfterFunc(slowList, func() {
		s.problems.report(of, errSlowList)
		tell(errSlowList)
	})
	defer slow.Stop()
	err := s.readList(ctx, id)
	switch {
	case err == nil:
		s.problems.healed(of)
	case !refused(err) && !errors.Is(err, errState):
		s.problems.report(of, err)
	}
	tell(err)
}

// errSlowList is returned for a list that takes longer than slowList to read.
var errSlowList = fmt.Errorf("the list takes more than %v to read, it is read on", slowList)

// begin marks a list as being read, and reports false where it is already.
func (s *Syncer) begin(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, busy := s.reading[id]; busy {
		return false
	}
	s.reading[id] = struct{}{}
	return true
}

func (s *Syncer) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.reading, id)
}

// refuse ends the fetcher, too, where the API refuses the key.
func (s *Syncer) refuse(err error) {
	if refused(err) {
		s.fetcher.backoff.stop()
	}
}

// refused reports whether the API does not accept the key, so that further calls
// are pointless.
func refused(err error) bool {
	return errors.Is(err, client.ErrUnauthorized) || errors.Is(err, client.ErrForbidden)
}
