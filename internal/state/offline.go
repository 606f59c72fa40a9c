package state

import (
	"context"
	"errors"
	"fmt"
	"time"

	"omegastream_exporter/internal/ledger"
)

// Errors of offline work on a state.
var (
	// ErrNoCounters is returned when a state has never been used.
	ErrNoCounters = errors.New("state has no counters")

	// ErrNotEmpty is returned when the target of a copy is not empty.
	ErrNotEmpty = errors.New("state is not empty")
)

// Inspect loads the account of an API URL from a store, closes the store, and returns what
// the account would show; nil for an empty store. It commits nothing, sets nothing aside and,
// in a shared store, creates nothing.
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

// Looker is a Store with another way to load it for an inspection, which creates nothing and
// reads older layouts unchanged.
type Looker interface {
	Look() Store
}

// Prober is a Store that can check, without changing anything, that a start could open it and
// write to it.
type Prober interface {
	Probe(ctx context.Context) error
}

// InUser is a Store that knows whether an exporter uses it.
type InUser interface {
	InUse(ctx context.Context) (bool, error)
}

// ResetCounters starts every counter of a state at 0 with a new birth, and closes the store.
// A restored backup needs that. Known events stay known. Processes that share the state
// continue from there.
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
	a.Batch() // drop changes that loading made to the rows
	a.ResetCounters(now)
	b := a.Batch()
	b.Reset = true
	return s.Commit(ctx, b)
}

// SourceError is an error of the source of a copy.
type SourceError struct{ Err error }

func (e *SourceError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *SourceError) Unwrap() error { return e.Err }

// Copied counts what was copied.
type Copied struct{ Endpoints, Events int }

// Copy copies one store into another, which must be empty, and closes both. It copies
// everything or nothing.
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
