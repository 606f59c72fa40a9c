package ledger

import (
	"context"
	"errors"
	"time"
)

// Store makes rows durable. One goroutine uses a Store at a time.
type Store interface {
	// Load opens the store and hands over every row that it holds: the account
	// first, each endpoint before its other rows. A store that holds nothing
	// hands over nothing. Content that is wrong is an error that wraps
	// [ErrUnreadable]; every other error (a lock, a permission, I/O, a state of
	// a newer version) says nothing about the content. An error of rows is
	// returned as it is.
	Load(ctx context.Context, rows Rows) error

	// Commit makes a batch durable as a whole or not at all. Once it has
	// returned nil, no crash takes the batch back. After an error the same batch
	// may be committed again.
	Commit(ctx context.Context, b *Batch) error

	// SetAside moves content that Load found unreadable out of the way and tells
	// where it is now. The store is then as new.
	SetAside(at time.Time) (where string, err error)

	// Size returns how many bytes the state takes, 0 where that means nothing.
	Size() int64

	Close() error
}

// Shared is a Store that several processes have open at once. Follow and Commit are
// called by one goroutine; all else may be called at any time.
type Shared interface {
	Store

	// Follow returns what others have committed since the last Load or Follow, and
	// which leases they ask for; nil if there is nothing.
	Follow(ctx context.Context) (*Batch, error)

	// Claim takes the leases that are to be had.
	Claim(ctx context.Context, c Claim) (Claims, error)

	// Beat tells the others that this process is alive, which its leases need every
	// few seconds. It returns the clock that all of them go by.
	Beat(ctx context.Context) (now time.Time, err error)

	// Renewed reports whether the counters were reset since the last Load.
	Renewed(ctx context.Context) bool
}

// Claim asks for leases.
type Claim struct {
	Names []string  // endpoints, or Listing
	Most  int       // leases at most
	Since time.Time // where not zero, no lease on what was done since then; what others hold is asked for
}

// Claims is the answer to a Claim. Names that are in none of its fields are held by
// another process, or were not needed.
type Claims struct {
	Leases []Lease
	Done   map[string]bool // done since Claim.Since; whether with success
}

// Rows takes the rows of a store in. An error wraps [ErrUnreadable]: the rows
// contradict each other.
type Rows interface {
	Account(AccountRow) error
	Endpoint(EndpointRow) error
	Series(SeriesRow) error
	Latency(LatencyRow) error
	Event(EventRow) error
	Failure(FailureRow) error
	Trace(TraceRow) error
}

// Errors of loading a state, for errors.Is.
var (
	// ErrUnreadable is returned when the content of a state is wrong.
	ErrUnreadable = errors.New("state is unreadable")

	// ErrForeign is returned when what is to be the state is none, and never was:
	// a file of another program, a device, a folder. It is not touched.
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

	// ErrOtherAccount is returned when the state belongs to another API URL.
	ErrOtherAccount = errors.New("state belongs to another --api.url")

	// ErrOvertaken is returned when another process has changed what this one was
	// about to: the account must be loaded anew.
	ErrOvertaken = errors.New("another replica has taken over")

	// ErrWentBack is returned when a shared state holds lower counters than were
	// shown, as after the restore of a backup.
	ErrWentBack = errors.New("state is older than what was shown: after a restore run state reset-counters")

	// ErrUnreachable is returned when the server of a shared state does not answer.
	ErrUnreachable = errors.New("state cannot be reached")
)

// memory is the store that keeps nothing.
type memory struct{}

// NewMemory returns a store that keeps nothing: the account itself is all there
// is, and every start begins at 0.
func NewMemory() Store { return memory{} }

func (memory) Load(context.Context, Rows) error     { return nil }
func (memory) Commit(context.Context, *Batch) error { return nil }
func (memory) SetAside(time.Time) (string, error) {
	return "", errors.New("a state in memory cannot be set aside")
}
func (memory) Size() int64  { return 0 }
func (memory) Close() error { return nil }
