package postgres

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
)

const (
	askLimit     = 5 * time.Second  // of one look
	migrateLimit = 30 * time.Second // of making tables, in a dozen round trips and in turn
	unfitFor     = 2 * time.Minute  // a sync of another process this long ago shows that it can lead
	connections  = 2
	connectWait  = 5 * time.Second
	goodbye      = 2 * time.Second // for giving the lease back at the end
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

// New returns the store in a schema of the database that a URL names. Nothing
// is asked of the server before Load. The error never has a password in it.
func New(dsn, schema string) (*Store, error) {
	config, err := pgxpool.ParseConfig(URL(dsn))
	if err != nil {
		return nil, errNoURL
	}
	if !strings.Contains(dsn, "pool_max_conns") {
		config.MaxConns = connections
	}
	// A look every 5 seconds is to be one transaction, not two: it is made again where the
	// connection is gone.
	config.ShouldPing = func(_ context.Context, c pgxpool.ShouldPingParams) bool { return c.IdleDuration > 2*state.FollowEvery }
	c := config.ConnConfig
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, connectWait)
	if !strings.Contains(dsn, "default_query_exec_mode") {
		// No statement is prepared under a name, which a pooler would lose.
		c.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "omegastream_exporter"
	}
	several := false
	for _, f := range c.Fallbacks { // which are also of the same host, without TLS
		several = several || f.Host != c.Host || f.Port != c.Port
	}
	if several && c.ValidateConnect == nil {
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	p := &Store{schema: schema, quoted: pgx.Identifier{schema}.Sanitize(), id: rand.Text(), pruned: time.Now()}
	if p.pool, err = pgxpool.NewWithConfig(context.Background(), config); err != nil {
		return nil, errNoURL
	}
	return p, nil
}

var errNoURL = errors.New("is not a URL that PostgreSQL's clients understand")

// URL returns a URL as pgx understands it: a socket's folder that is written as the
// host, like %2Frun%2Fpostgresql, is a parameter there.
func URL(dsn string) string {
	scheme, rest, ok := strings.Cut(dsn, "://")
	if !ok {
		return dsn
	}
	authority, path, _ := strings.Cut(rest, "/")
	user, host, found := strings.Cut(authority, "@")
	if !found {
		user, host = "", authority
	}
	folder, port, _ := strings.Cut(host, ":")
	if !strings.HasPrefix(strings.ToLower(folder), "%2f") {
		return dsn
	}
	parameters := "host=" + folder
	if port != "" {
		parameters += "&port=" + port
	}
	if found {
		user += "@"
	}
	path, query, _ := strings.Cut(path, "?")
	if query != "" {
		parameters += "&" + query
	}
	return scheme + "://" + user + "/" + path + "?" + parameters
}

// Name names the server, database and schema of a URL, without user and
// password.
func Name(dsn, schema string) string {
	c, err := pgconn.ParseConfig(URL(dsn))
	if err != nil {
		return "postgres"
	}
	host := net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
	if strings.HasPrefix(c.Host, "/") {
		host = strings.ReplaceAll(c.Host, "/", "%2F")
	}
	return fmt.Sprintf("postgres://%s/%s, schema %s", host, c.Database, schema)
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
