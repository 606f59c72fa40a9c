package turns

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Codes of PostgreSQL's errors.
const (
	noTable          = "42P01"
	tableExists      = "42P07"
	objectExists     = "42710"
	unique           = "23505"
	serialization    = "40001"
	deadlock         = "40P01"
	adminShutdown    = "57P01"
	crashShutdown    = "57P02"
	readOnly         = "25006" // the server is a standby now
	statementUnknown = "26000" // a pooler gave the connection another server
)

// maxCuts is more than there are connections: each may have been cut since it was
// used last.
const maxCuts = maxConns + 2

// do makes one call with a connection. It is made again where the connection turns
// out to be cut or the table to be missing: what was reserved without an answer is
// lost, which costs turns but breaks no limit, and the rules for the state count
// one burst once.
func (l *Limiter) do(ctx context.Context, call func(context.Context, *pgxpool.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for cuts := 0; ; {
		err := l.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
			err := call(ctx, conn)
			if code(err) == noTable || errors.Is(err, pgx.ErrNoRows) {
				if err = l.create(ctx, conn); err == nil {
					err = call(ctx, conn)
				}
			}
			if code(err) == readOnly {
				conn.Conn().Close(ctx) // the next one may find the primary
			}
			return err
		})
		if err == nil {
			return nil
		}
		switch code(err) {
		case serialization, deadlock: // where transactions are serializable by default, others come between
		default:
			cuts++
		}
		if ctx.Err() != nil || cuts == maxCuts || !passing(err) {
			return l.describe(ctx, err)
		}
	}
}

// create makes the table and its row. Others may do so at the same time: IF NOT
// EXISTS does not keep two of them from colliding.
func (l *Limiter) create(ctx context.Context, conn *pgxpool.Conn) error {
	for _, sql := range []string{l.sql.create, l.sql.fill} {
		_, err := conn.Exec(ctx, sql)
		switch code(err) {
		case unique, tableExists, objectExists:
		default:
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func code(err error) string {
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		return answer.Code
	}
	return ""
}

// passing reports whether the same call may succeed at once.
func passing(err error) bool {
	switch code(err) {
	case "": // not an answer of the database; who cannot connect now cannot a moment later
		_, connecting := errors.AsType[*pgconn.ConnectError](err)
		return !connecting
	case serialization, deadlock, adminShutdown, crashShutdown, readOnly, statementUnknown:
		return true
	}
	return false
}

// describe returns an error that can be shown.
func (l *Limiter) describe(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = fmt.Errorf("no answer of PostgreSQL in time: %w", err)
	}
	if l.password != "" && strings.Contains(err.Error(), l.password) {
		return errors.New(strings.ReplaceAll(err.Error(), l.password, "[redacted]"))
	}
	return err
}
