package syncer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
)

const (
	stateWait       = 5 * time.Second // how long a sync waits while the state cannot be written
	chunksPerCommit = 16              // maximum chunks of a list between commits
)

// readList reads one endpoint's list into the ledger. If the list breaks, everything before
// that counts.
func (s *Syncer) readList(ctx context.Context, id string, one *read) error {
	if err := s.writable(ctx); err != nil {
		return err
	}
	began, due := s.state.Now(), false
	s.state.Look(func(a *ledger.Account) { due = a.ReadDue(id, began) })
	if !due {
		return errNotDue
	}
	list, err := s.api.ListEvents(ctx, id)
	if err != nil {
		return err
	}
	defer list.Close()
	slow := s.headerOf(id, one)
	defer slow.Stop()
	var r *ledger.Read
	leads := false
	s.state.Look(func(a *ledger.Account) {
		r, leads = a.Begin(id, began, list.Date(), s.state.Now()), a.Leads()
	})
	switch {
	case !leads:
		return state.ErrFollows
	case r == nil: // the endpoint is gone
		return nil
	}
	err = s.readEvents(ctx, list, r)
	s.invalid(client.OpListEvents, list.Faults().Total())
	if list.Complete() || len(list.Faults()) > 0 {
		s.problems.use(subject{operation: UseElements, endpointID: id}, list.Faults())
	}
	overtaken := false
	s.state.Do(func(a *ledger.Account) {
		a.End(r, list.Complete(), s.state.Now())
		overtaken = r.Overtaken()
	})
	s.fetcher.wakeUp()
	if overtaken {
		return state.ErrFollows
	}
	return errors.Join(err, list.Err())
}

// readEvents records the elements of a list. It commits them in between, so that a long list
// becomes durable, and its memory is limited, while it is read.
func (s *Syncer) readEvents(ctx context.Context, list *client.EventList, r *ledger.Read) error {
	defer s.apply(r)
	chunks := 0
	for ev := range list.Events() {
		if r.Note(ev.ID, ev.Type, ev.Created) {
			s.apply(r)
			if chunks++; chunks%chunksPerCommit == 0 {
				began := time.Now()
				err := s.durable(ctx)
				if r.Waited(time.Since(began)); err != nil {
					return err
				}
			}
		}
		if r.Enough() {
			break
		}
	}
	return nil
}

// apply applies the recorded elements to the ledger, and wakes the fetcher.
func (s *Syncer) apply(r *ledger.Read) {
	untrusted := 0
	s.state.Do(func(a *ledger.Account) { untrusted = a.Apply(r, s.state.Now()) })
	s.invalid(client.OpListEvents, untrusted)
	s.overflow.look(s.state, time.Now())
	s.fetcher.wakeUp()
}

// errState is returned when the state cannot be written.
var errState = errors.New("write state")

// writable waits until the last commit has succeeded, because the exporter does not call the
// API while it could not store the results.
func (s *Syncer) writable(ctx context.Context) error {
	return s.waitForState(ctx, s.state.Healthy)
}

// durable waits until all changes are committed.
func (s *Syncer) durable(ctx context.Context) error {
	return s.waitForState(ctx, s.state.Flush)
}

func (s *Syncer) waitForState(ctx context.Context, wait func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, stateWait)
	defer cancel()
	err := wait(ctx)
	if err == nil {
		s.problems.healed(subject{operation: WriteState})
		return nil
	}
	if errors.Is(err, ledger.ErrOvertaken) {
		return state.ErrFollows // not a problem of the state
	}
	if cause := s.state.Failure(); cause != nil {
		err = cause
	}
	return s.stateError(err)
}

// stateError reports that the state cannot be used, and returns the error of the sync.
func (s *Syncer) stateError(err error) error {
	err = fmt.Errorf("%w: %w", errState, err)
	s.problems.report(subject{operation: WriteState}, err)
	return err
}
