package state

import (
	"context"
	"errors"
	"fmt"
	"time"

	"omegastream_exporter/internal/ledger"
)

// Errors of the work on a state that is not served.
var (
	// ErrNoCounters is returned when a state has never been used.
	ErrNoCounters = errors.New("state has no counters")

	// ErrNotEmpty is returned when a state that is to be filled has something in it.
	ErrNotEmpty = errors.New("state is not empty")
)

// Inspect loads the account of an API URL from a store, closes the store and
// returns what it would show, nil where the store holds nothing. It commits nothing,
// sets nothing aside and, in a shared store, makes nothing.
func Inspect(ctx context.Context, s Store, apiURL string, policy ledger.Policy) (*ledger.View, error) {
	if l, ok := s.(Looker); ok {
		s = l.Look()
	}
	now := time.Now()
	a, err := load(ctx, s, apiURL, policy, now)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if !a.Stored() {
		return nil, s.Close()
	}
	return a.View(now), s.Close()
}

// Looker is a Store that has another way to be loaded for a look: one that makes nothing
// where nothing is, and takes a state of an older layout as it is.
type Looker interface {
	Look() Store
}

// Prober is a Store that can prove, without harm, that a start could open it and write
// into it. It leaves everything as it was.
type Prober interface {
	Probe(ctx context.Context) error
}

// InUser is a Store that knows whether an exporter works on it.
type InUser interface {
	InUse(ctx context.Context) (bool, error)
}

// ResetCounters starts every counter of a state at 0 with a new birth, and closes the
// store: what a restored backup needs. What was seen stays seen. Processes that share
// the state go on from there.
func ResetCounters(ctx context.Context, s Store, apiURL string, policy ledger.Policy, now time.Time) error {
	for {
		err := resetOnce(ctx, s, apiURL, policy, now)
		if !errors.Is(err, ledger.ErrOvertaken) {
			return errors.Join(err, s.Close())
		}
	}
}

func resetOnce(ctx context.Context, s Store, apiURL string, policy ledger.Policy, now time.Time) error {
	a, err := load(ctx, s, apiURL, policy, now)
	if err != nil {
		return err
	}
	if !a.Stored() {
		return ErrNoCounters
	}
	a.Batch() // what loading has mended of them does not matter any more
	a.ResetCounters(now)
	b := a.Batch()
	b.Reset = true
	return s.Commit(ctx, b)
}

// SourceError is the error of the state that was to be copied.
type SourceError struct{ Err error }

func (e *SourceError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *SourceError) Unwrap() error { return e.Err }

// Copied counts what was copied.
type Copied struct{ Endpoints, Events int }

// Copy copies what one store holds into another, which must be empty, and closes
// both. The copy is whole or not there.
func Copy(ctx context.Context, from, to Store, apiURL string) (Copied, error) {
	var all ledger.Batch
	source := from.Load(ctx, ledger.Gather(&all))
	switch {
	case source == nil && all.Account == nil:
		source = ErrNoCounters
	case source == nil && all.Account.APIURL != apiURL:
		source = fmt.Errorf("%w: it was written for %s", ledger.ErrOtherAccount, all.Account.APIURL)
	}
	if source = errors.Join(source, from.Close()); source != nil {
		return Copied{}, errors.Join(&SourceError{source}, to.Close())
	}
	var there ledger.Batch
	err := to.Load(ctx, ledger.Gather(&there))
	if err == nil && there.Account != nil {
		err = ErrNotEmpty
	}
	if err == nil {
		err = to.Commit(ctx, &all)
	}
	return Copied{len(all.Endpoints), len(all.Events)}, errors.Join(err, to.Close())
}
