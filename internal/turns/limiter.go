package turns

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"omegastream_exporter/client"
)

const (
	callTimeout = 2 * time.Second // for one call, with all its tries
	maxConns    = 2
)

// Limiter is the rate limit of an account. It is safe for concurrent use.
type Limiter struct {
	pool     *pgxpool.Pool
	password string
	sql      statements
}

var _ client.Turns = (*Limiter)(nil)

// New returns the limiter in a schema of the database at dsn; the schema exists
// when the first turn is asked for, its table need not. New connects to nothing.
// No error holds the password.
func New(dsn, schema string) (*Limiter, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("not a URL of a PostgreSQL database") // err may quote parts of it
	}
	config.MaxConns, config.MinConns, config.MinIdleConns = maxConns, 0, 0
	config.ConnConfig.ConnectTimeout = callTimeout
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return nil, fmt.Errorf("connections to PostgreSQL: %w", err)
	}
	return &Limiter{
		pool:     pool,
		password: config.ConnConfig.Password,
		sql:      newStatements(pgx.Identifier{schema, "limiter"}.Sanitize()),
	}, nil
}

// Close ends the connections, once the calls that run have ended.
func (l *Limiter) Close() { l.pool.Close() }

// Reserve implements [client.Turns].
func (l *Limiter) Reserve(ctx context.Context, n int, perSecond float64) (client.Grant, error) {
	var g client.Grant
	err := l.do(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		r, err := l.reserve(ctx, conn, n, perSecond)
		g = r.grant(n, perSecond)
		return err
	})
	return g, err
}

// Refused implements [client.Turns].
func (l *Limiter) Refused(ctx context.Context, r client.Refusal) (client.Throttle, error) {
	return l.change(ctx, func(t *client.Throttle, now time.Time) bool { return t.Refuse(now, r) })
}

// Succeeded implements [client.Turns].
func (l *Limiter) Succeeded(ctx context.Context, sent time.Time) (client.Throttle, error) {
	return l.change(ctx, func(t *client.Throttle, now time.Time) bool { return t.Succeed(now, sent) })
}

// change applies a rule to the state of all. The row is not held meanwhile, for a
// process that is stopped here would hold up all others: where it has changed, the
// rule is applied again.
func (l *Limiter) change(ctx context.Context, rule func(*client.Throttle, time.Time) bool) (client.Throttle, error) {
	var t client.Throttle
	err := l.do(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		for {
			r, err := l.reserve(ctx, conn, 0, 0)
			if err != nil {
				return err
			}
			t = r.throttle()
			if !rule(&t, r.answered) {
				return nil
			}
			done, err := conn.Exec(ctx, l.sql.change, r.revision,
				t.Share, r.remote(t.Changed), r.remote(t.PausedSince), r.remote(t.PausedUntil), t.Streak)
			if err != nil || done.RowsAffected() == 1 {
				return err
			}
		}
	})
	return t, err
}
