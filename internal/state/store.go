package state

import (
	"context"
	"errors"
	"time"

	"omegastream_exporter/internal/ledger"
)

// Store makes rows durable. One goroutine at a time uses a Store.
type Store interface {
	// Load opens the store and delivers all its rows: the account first, and each endpoint
	// before its other rows. An empty store delivers nothing. If the content is wrong, the
	// error wraps [ledger.ErrUnreadable]. Every other error (a lock, a permission, I/O, a
	// state of a newer version) says nothing about the content. Errors of rows are returned
	// unchanged.
	Load(ctx context.Context, rows ledger.Rows) error

	// Commit makes a batch durable, completely or not at all. After it has returned nil, no
	// crash undoes the batch. After an error, the same batch can be committed again.
	Commit(ctx context.Context, b *ledger.Batch) error

	// SetAside moves content that Load found unreadable out of the way, and returns its new
	// place. The store is then empty.
	SetAside(at time.Time) (where string, err error)

	// Size returns the size of the state in bytes; 0 if that has no meaning.
	Size() int64

	Close() error
}

// SharedStore is a Store that several replicas have open at once. One at a time has its
// lease, under which it commits all batches except the one that starts a state. One goroutine
// at a time uses it. Every method returns an error that wraps [ledger.ErrOvertaken] if what
// this replica knows of the state is no longer valid.
type SharedStore interface {
	Store

	// Follow returns the lease, and what was committed since the last Load, Lead or Follow;
	// nil if nothing was.
	Follow(ctx context.Context) (Lease, *ledger.Batch, error)

	// Lead takes the lease if it is free, and otherwise asks its holder for a sync. The
	// returned lease says which, even with an error. The batch is what Follow would return.
	Lead(ctx context.Context, b Bid) (Lease, *ledger.Batch, error)

	// CommitLed commits a batch of the leader, and returns the lease after that. A batch
	// without rows is a heartbeat.
	CommitLed(ctx context.Context, b *ledger.Batch) (Lease, error)
}

// LoadLimit is the maximum duration of a load, however large the state is.
const LoadLimit = 10 * time.Minute

// LeaseFor is how long after the leader's last heartbeat its lease ends.
const LeaseFor = 5 * time.Second

// FitFor is how long a successful sync shows that its replica can lead. Until then, an unfit
// replica leaves the lease to it.
const FitFor = 2 * time.Minute

// Lease is the account's lease, by the clock of the state.
type Lease struct {
	Fence     uint64    // rises with each new holder
	Ours      bool      // this replica has it
	Held      bool      // a replica has it, even if it sends no more heartbeats
	Heartbeat time.Time // the last one of its present or last holder
	Asked     uint64    // number of the sync that was asked for
	Sync      ledger.SyncRecord
	Commit    int64     // number of the last commit
	Now       time.Time // when the state answered

	Limits  []byte    // of API calls,
	Limited time.Time // as of this time
}

// alive reports whether a replica has the lease and sends heartbeats.
func (l *Lease) alive() bool { return l.Held && l.Now.Before(l.Heartbeat.Add(LeaseFor)) }

// free reports whether no living replica has the lease, and a sync is due.
func (l *Lease) free() bool {
	return !l.Ours && !l.alive() && !l.Now.Before(l.Sync.Ended.Add(l.Sync.Rest))
}

// Bid asks for the lease.
type Bid struct {
	// Silent is a heartbeat that was the last one for as long as a lease lasts, by this
	// replica's clock; zero for none. It ends the lease, whatever the state's clock says.
	Silent time.Time

	// Rested is the end of a sync after which the next one is due, by this replica's clock.
	Rested time.Time

	// Work says that the lease is needed for more than a sync, even if none is due. No
	// replica is asked for a sync.
	Work bool

	// Unfit leaves the lease to another replica, for FitFor after a successful sync of it.
	Unfit bool
}

// Errors of a store, for errors.Is.
var (
	// ErrForeign is returned when the place of the state holds something else: a file of
	// another program, a device, a folder. It is not touched.
	ErrForeign = errors.New("not a state of omegastream_exporter")

	// ErrDangling is returned when the path of a state file leads to a symbolic link to
	// nothing.
	ErrDangling = errors.New("a symbolic link to nothing")

	// ErrReplaced is returned when the file of a state was removed, renamed, replaced or
	// modified since it was opened.
	ErrReplaced = errors.New("state file was removed or replaced")

	// ErrInUse is returned when another process has the state open.
	ErrInUse = errors.New("state is in use by another process")

	// ErrNewer is returned when a newer version wrote the state.
	ErrNewer = errors.New("state was written by a newer version of omegastream_exporter")

	// ErrUnreachable is returned when the server of a shared state does not answer, or cannot
	// be used for now.
	ErrUnreachable = errors.New("state cannot be reached")

	// ErrReadOnly is returned when the server of a shared state is read-only.
	ErrReadOnly = errors.New("the server is read-only, as a standby is")

	// ErrTooMany is returned when the server of a shared state has no connections left.
	ErrTooMany = errors.New("the server has no connection left")

	// ErrStatementTimeout is returned when the server timed out a statement.
	ErrStatementTimeout = errors.New("the server ended a statement that took too long")
)

// memory is a store that keeps nothing.
type memory struct{}

// NewMemory returns a store that keeps nothing: the account exists only in memory, and every
// start begins at 0.
func NewMemory() Store { return memory{} }

func (memory) Load(context.Context, ledger.Rows) error     { return nil }
func (memory) Commit(context.Context, *ledger.Batch) error { return nil }
func (memory) SetAside(time.Time) (string, error) {
	return "", errors.New("a state in memory cannot be set aside")
}
func (memory) Size() int64  { return 0 }
func (memory) Close() error { return nil }
