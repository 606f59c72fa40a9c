package ledger

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// errOtherServer is returned where the database has failed over since the state was
// loaded: the new server may not have all that the old one had acknowledged, however
// high its numbers are by now.
var errOtherServer = fmt.Errorf("%w: the database is on another server, or another timeline of it", ErrOvertaken)

// serverWatch knows which server, and which timeline of its history, connections lead
// to. It is safe for concurrent use.
type serverWatch struct {
	changed atomic.Bool // since the last Load

	mu   sync.Mutex
	last string
}

// serverIdentity is a server of the protocol that has no such thing an error, which is
// no reason not to use it.
const serverIdentity = `SELECT (SELECT system_identifier FROM pg_control_system())::text || ' '
	|| left(pg_walfile_name(pg_current_wal_lsn()), 8)`

// connected looks at where a new connection leads, before anything is asked by it: a
// failover breaks the old ones.
func (p *Postgres) connected(ctx context.Context, conn *pgx.Conn) error {
	var identity string
	if err := conn.QueryRow(ctx, serverIdentity).Scan(&identity); err == nil {
		p.server.met(identity)
	}
	return nil
}

// met takes in where a connection leads.
func (s *serverWatch) met(identity string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last != "" && s.last != identity {
		s.changed.Store(true)
	}
	s.last = identity
}
