package postgres

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
)

const (
	askLimit     = 5 * time.Second  // of a look at the state
	migrateLimit = 30 * time.Second // of creating tables, in a dozen round trips and one program at a time
	goodbye      = 2 * time.Second  // for releasing the lease at the end
	sizeEvery    = time.Minute
	unlockAfter  = 3 * time.Second // of waiting for the rest of a statement
	unlockLimit  = 2 * time.Second
)

// Store is the store in a schema of a PostgreSQL database, which several processes
// share. It is a [state.SharedStore].
type Store struct {
	schema   string
	quoted   string // schema, quoted for statements
	identity string // an expression for statements
	id       string // of this process; new at every start
	pool     *pgxpool.Pool

	// What this process knows about the state since the last Load.
	at      int64 // the last known commit
	era     int64
	history string
	here    string // the server's identity
	renew   bool   // the state is older than one seen before, and needs a new history

	pending *ledger.Batch // the last batch that this process tried to commit,
	attempt int64         // and its number

	pruned time.Time // when this process last pruned
	sized  time.Time // when the size was last requested
	size   atomic.Int64
}

// Load implements [state.Store].
func (p *Store) Load(ctx context.Context, rows ledger.Rows) error {
	err := p.identify(ctx)
	if err == nil {
		err = p.migrate(ctx)
	}
	if err != nil {
		return explain(err)
	}
	ctx, cancel := context.WithTimeout(ctx, state.LoadLimit)
	defer cancel()
	return explain(p.read(ctx, rows, true))
}

// SetAside implements [state.Store]. A shared state is never set aside.
func (*Store) SetAside(time.Time) (string, error) {
	return "", errors.New("a state in PostgreSQL is never set aside")
}

// Size implements [state.Store]. The size is as of a look at the state.
func (p *Store) Size() int64 { return p.size.Load() }

// Close implements [state.Store]. It releases this process's lease.
func (p *Store) Close() error {
	if p.history != "" { // if the server is unreachable, the lease ends on its own
		ctx, cancel := context.WithTimeout(context.Background(), goodbye)
		defer cancel()
		_, _ = p.pool.Exec(ctx, p.in(`UPDATE %[1]s.state SET holder = NULL WHERE holder = $1`), p.id)
	}
	p.pool.Close()
	return nil
}
