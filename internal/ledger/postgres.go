package ledger

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	pgConnections = 4
	pgConnectWait = 5 * time.Second
	pgGoodbye     = 2 * time.Second // for giving the leases back at the end
	pgSizeEvery   = 30 * time.Second
)

// Postgres is the store in a schema of a PostgreSQL database, which several processes
// share. It is a [Shared].
type Postgres struct {
	schema string
	quoted string // schema, as it stands in a statement
	id     string // of this process, new at every start
	pool   *pgxpool.Pool

	// The committer's alone.
	at      int64     // the last commit that is known here
	own     []int64   // this process's own commits above at
	pending *Batch    // that a commit was tried of
	batch   int64     // its number
	wrote   int64     // of the last batch with rows that was committed
	pruned  time.Time // when this process last did

	mu    sync.Mutex // guards what follows
	era   int64
	beat  int64
	names map[string]struct{} // that have a row of lease

	server serverWatch

	sized time.Time // when the size was asked for

	size atomic.Int64
}

// NewPostgres returns the store in a schema of the database that a URL names. Nothing
// is asked of the server before Load. The error never has a password in it.
func NewPostgres(dsn, schema string) (*Postgres, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("is not a URL that PostgreSQL's clients understand")
	}
	if !strings.Contains(dsn, "pool_max_conns") {
		config.MaxConns = pgConnections
	}
	config.ConnConfig.ConnectTimeout = cmp.Or(config.ConnConfig.ConnectTimeout, pgConnectWait)
	for name, value := range map[string]string{
		"application_name": "omegastream_exporter",
		// A process that is stopped in the middle of a transaction must not hold up the others.
		"idle_in_transaction_session_timeout": "3s",
	} {
		if _, set := config.ConnConfig.RuntimeParams[name]; !set {
			config.ConnConfig.RuntimeParams[name] = value
		}
	}
	p := &Postgres{
		schema: schema, quoted: pgx.Identifier{schema}.Sanitize(), id: rand.Text(),
		names: make(map[string]struct{}),
	}
	config.AfterConnect = p.connected
	if p.pool, err = pgxpool.NewWithConfig(context.Background(), config); err != nil {
		return nil, errors.New("is not a URL that PostgreSQL's clients understand")
	}
	return p, nil
}

// PostgresName names the server, database and schema of a URL, without user and
// password.
func PostgresName(dsn, schema string) string {
	c, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return "postgres"
	}
	return fmt.Sprintf("postgres://%s/%s, schema %s", net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))), c.Database, schema)
}

// Load implements [Store].
func (p *Postgres) Load(ctx context.Context, rows Rows) error {
	p.server.changed.Store(false) // what is read from here on is what this one has
	if err := p.join(ctx); err != nil {
		return pgError(err)
	}
	ctx, cancel := context.WithTimeout(ctx, reloadLimit)
	defer cancel()
	return pgError(p.read(ctx, rows))
}

// join makes the tables where they are missing, and this process one of those that
// share them.
func (p *Postgres) join(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*askLimit)
	defer cancel()
	if err := p.migrate(ctx); err != nil {
		return err
	}
	return p.register(ctx)
}

// SetAside implements [Store]: what several processes share is never set aside.
func (*Postgres) SetAside(time.Time) (string, error) {
	return "", errors.New("a state in PostgreSQL is never set aside")
}

// Size implements [Store]. It is as of a beat.
func (p *Postgres) Size() int64 { return p.size.Load() }

// Close implements [Store]. It gives back what this process has.
func (p *Postgres) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), pgGoodbye)
	defer cancel()
	p.mu.Lock()
	known := p.beat > 0
	p.mu.Unlock()
	if known { // where it cannot be reached, the leases end by themselves
		b := &pgx.Batch{}
		b.Queue(p.in(`UPDATE %[1]s.lease SET holder = NULL WHERE holder = $1`), p.id)
		b.Queue(p.in(`DELETE FROM %[1]s.replica WHERE id = $1`), p.id)
		_ = p.pool.SendBatch(ctx, b).Close()
	}
	p.pool.Close()
	return nil
}

// register makes this process known to the others, under a new id where it was before.
func (p *Postgres) register(ctx context.Context) error {
	host, _ := os.Hostname()
	p.mu.Lock()
	before := p.id
	p.id, p.beat = rand.Text(), 0
	id := p.id
	clear(p.names)
	p.mu.Unlock()
	p.batch, p.wrote, p.pending = 0, 0, nil
	p.own = nil
	b := &pgx.Batch{}
	b.Queue(p.in(`DELETE FROM %[1]s.replica WHERE id = $1 OR alive_until < clock_timestamp() - interval '1 day'`), before)
	b.Queue(p.in(`INSERT INTO %[1]s.replica (id, alive_until, beat, host) VALUES ($1, clock_timestamp() + $2, 1, $3)`), id, LeaseFor, host)
	if err := p.pool.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beat = 1
	return nil
}

// Beat implements [Shared]. A row that is gone, or that counts fewer beats than there
// were, is one of an older state.
func (p *Postgres) Beat(ctx context.Context) (time.Time, error) {
	p.mu.Lock()
	id, beat := p.id, p.beat
	p.mu.Unlock()
	var now time.Time
	if beat == 0 {
		err := p.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now)
		return now, pgError(err)
	}
	var counted int64
	err := p.pool.QueryRow(ctx, p.in(`UPDATE %[1]s.replica SET alive_until = clock_timestamp() + $2, beat = beat + 1
		WHERE id = $1 RETURNING beat, clock_timestamp()`), id, LeaseFor).Scan(&counted, &now)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return now, pgError(err)
	}
	if err := p.counted(id, beat, counted); err != nil {
		return now, err
	}
	p.measure(ctx)
	return now, nil
}

// counted takes in how many beats of a process the state has counted, of which so many
// were known before.
func (p *Postgres) counted(id string, known, beats int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.id != id: // registered anew in the meantime
	case beats <= known:
		return fmt.Errorf("%w: it does not know this replica", ErrOvertaken)
	default:
		p.beat = max(p.beat, beats)
	}
	return nil
}

// measure asks now and then how much the state takes.
func (p *Postgres) measure(ctx context.Context) {
	p.mu.Lock()
	due := time.Since(p.sized) >= pgSizeEvery
	if due {
		p.sized = time.Now()
	}
	p.mu.Unlock()
	if !due {
		return
	}
	var size int64
	err := p.pool.QueryRow(ctx, `SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind = 'r'`, p.schema).Scan(&size)
	if err == nil {
		p.size.Store(size)
	}
}

// Renewed implements [Shared].
func (p *Postgres) Renewed(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	var era int64
	err := p.pool.QueryRow(ctx, p.in(`SELECT era FROM %[1]s.state`)).Scan(&era)
	p.mu.Lock()
	defer p.mu.Unlock()
	return err == nil && era != p.era
}

// pgError says of an error whether the server could not be reached, which passes by
// itself, or has refused.
func pgError(err error) error {
	if err == nil || needsLoad(err) || errors.Is(err, ErrUnreadable) || errors.Is(err, ErrOtherAccount) {
		return err
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	_, distrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case distrusted, strings.Contains(err.Error(), "server refused TLS"):
		return err
	case !ok:
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	switch pg.Code[:2] {
	case "08", "53", "57", "40", "55", "25": // connection, resources, shutdown, serialization, locks, an ended transaction
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return err
}
