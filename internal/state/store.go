package state

import (
	"context"
	"errors"
	"time"

	"omegastream_exporter/internal/ledger"
)

// Store makes rows durable. One goroutine uses a Store at a time.
type Store interface {
	// Load opens the store and delivers every row in it: the account first, and each
	// endpoint before its other rows. An empty store delivers nothing. Content that is
	// wrong is an error that wraps [ledger.ErrUnreadable]; every other error (a lock, a
	// permission, I/O, a state of a newer version) says nothing about the content. An error
	// of rows is returned as it is.
	Load(ctx context.Context, rows ledger.Rows) error

	// Commit makes a batch durable as a whole or not at all. Once it has returned nil, no
	// crash takes the batch back. After an error the same batch can be committed again.
	Commit(ctx context.Context, b *ledger.Batch) error

	// SetAside moves content that Load found unreadable out of the way and returns its new
	// place. The store is then as new.
	SetAside(at time.Time) (where string, err error)

	// Size returns how many bytes the state takes, 0 if that means nothing.
	Size() int64

	Close() error
}

// SharedStore is a Store that several processes have open at once. One at a time has its
// lease; a batch that does not begin a state anew is committed under it. One goroutine
// at a time uses it, too. Every method returns an error that wraps [ledger.ErrOvertaken] where
// what is known here of the state is of no use any more.
type SharedStore interface {
	Store

	// Follow returns the lease, and what has been committed since the last Load, Lead
	// or Follow; nil if there is nothing.
	Follow(ctx context.Context) (Lease, *ledger.Batch, error)

	// Lead takes the lease if it is free, and otherwise asks the process that has it for a
	// sync. The lease that it returns says which, even beside an error. The batch is what
	// Follow would return.
	Lead(ctx context.Context, b Bid) (Lease, *ledger.Batch, error)

	// CommitLed commits a batch of the process that leads, and returns the lease as it is
	// then. A batch without rows is the leader's sign of life.
	CommitLed(ctx context.Context, b *ledger.Batch) (Lease, error)
}

// LoadLimit is how long a load can take, however large the state is.
const LoadLimit = 10 * time.Minute

// LeaseFor is how long after the leader's last sign of life its lease ends.
const LeaseFor = 5 * time.Second

// FitFor is how long a sync that succeeded shows that its replica can lead. Until then, an
// unfit one leaves the lease to it.
const FitFor = 2 * time.Minute

// Lease is the account's lease, by the clock of the state.
type Lease struct {
	Fence     uint64    // rises with each that has it
	Ours      bool      // this process has it
	Held      bool      // somebody has it, perhaps one that is not heard of any more
	Heartbeat time.Time // the last sign of life of the one that has it, or had it
	Asked     uint64    // the number of the sync that was asked for
	Sync      ledger.SyncRecord
	Commit    int64     // the number of the last commit
	Now       time.Time // when the state said all this

	Limits  []byte    // of the calls to the API,
	Limited time.Time // as of then
}

// free reports whether no replica has the lease, and it is time for a sync.
func (l *Lease) free() bool {
	return !l.Ours && !l.Held && !l.Now.Before(l.Sync.Ended.Add(l.Sync.Rest))
}

// Bid asks for the lease.
type Bid struct {
	// Silent is a sign of life that was the last one for as long as a lease lasts, by
	// the clock of this process; zero for none. It ends the lease whatever the clock of
	// the state says.
	Silent time.Time

	// Rested is the end of a sync whose rest is over by the clock of this process.
	Rested time.Time

	// Work says that the lease is wanted for more than a sync: also during a rest. Nobody
	// is asked for anything.
	Work bool

	// Unfit leaves the lease to another process for FitFor after a sync of its that succeeded.
	Unfit bool
}

// Errors of a store, for errors.Is.
var (
	// ErrForeign is returned when the place of the state holds something else: a file of
	// another program, a device, a folder. It is not touched.
	ErrForeign = errors.New("not a state of omegastream_exporter")

	// ErrDangling is returned when the way to a state file is a symbolic link to
	// nothing.
	ErrDangling = errors.New("a symbolic link to nothing")

	// ErrReplaced is returned when the file of a state was removed, renamed,
	// replaced or written into since it was opened.
	ErrReplaced = errors.New("state file was removed or replaced")

	// ErrInUse is returned when another process has the state open.
	ErrInUse = errors.New("state is in use by another process")

	// ErrNewer is returned when a newer version wrote the state.
	ErrNewer = errors.New("state was written by a newer version of omegastream_exporter")

	// ErrUnreachable is returned when the server of a shared state does not answer, or
	// cannot work on it for now.
	ErrUnreachable = errors.New("state cannot be reached")

	// ErrReadOnly is returned when the server of a shared state does not take writes.
	ErrReadOnly = errors.New("the server is read-only, as a standby is")

	// ErrTooMany is returned when the server of a shared state has no connection left.
	ErrTooMany = errors.New("the server has no connection left")

	// ErrStatementTimeout is returned when the server ended a statement early.
	ErrStatementTimeout = errors.New("the server ended a statement that took too long")
)

// memory is the store that keeps nothing.
type memory struct{}

// NewMemory returns a store that keeps nothing: the account itself is all there
// is, and every start begins at 0.
func NewMemory() Store { return memory{} }

func (memory) Load(context.Context, ledger.Rows) error     { return nil }
func (memory) Commit(context.Context, *ledger.Batch) error { return nil }
func (memory) SetAside(time.Time) (string, error) {
	return "", errors.New("a state in memory cannot be set aside")
}
func (memory) Size() int64  { return 0 }
func (memory) Close() error { return nil }
