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
	askLimit     = 5 * time.Second  // of one look
	migrateLimit = 30 * time.Second // of making tables, in a dozen round trips and in turn
	goodbye      = 2 * time.Second  // for giving the lease back at the end
	sizeEvery    = time.Minute
	unlockAfter  = 3 * time.Second // of waiting for the rest of a statement
	unlockLimit  = 2 * time.Second
)

// Store is the store in a schema of a PostgreSQL database, which several processes
// share. It is a [state.SharedStore].
type Store struct {
	schema   string
	quoted   string // schema, as it stands in a statement
	identity string // an expression, as it stands in a statement
	id       string // of this process, new at every start
	pool     *pgxpool.Pool

	// What is known of the state, as of the last Load but for the first.
	at      int64 // the last commit that is known here
	era     int64
	history string
	here    string // the server's identity
	renew   bool   // the state is an older one than was seen: it has a history of its own

	pending *ledger.Batch // the last one that was tried to commit,
	attempt int64         // and its number

	pruned time.Time // when this process last did
	sized  time.Time // when the size was asked for
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

// SetAside implements [state.Store]: what several processes share is never set aside.
func (*Store) SetAside(time.Time) (string, error) {
	return "", errors.New("a state in PostgreSQL is never set aside")
}

// Size implements [state.Store]. It is as of a look at the state.
func (p *Store) Size() int64 { return p.size.Load() }

// Close implements [state.Store]. It gives the lease back where this process has it.
func (p *Store) Close() error {
	if p.history != "" { // where it cannot be reached, the lease ends by itself
		ctx, cancel := context.WithTimeout(context.Background(), goodbye)
		defer cancel()
		_, _ = p.pool.Exec(ctx, p.in(`UPDATE %[1]s.state SET holder = NULL WHERE holder = $1`), p.id)
	}
	p.pool.Close()
	return nil
}
