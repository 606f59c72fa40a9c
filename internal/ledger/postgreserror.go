package ledger

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// The SQLSTATEs that people are told more about.
var pgCauses = map[string]error{
	"25006": ErrReadOnly,
	"53300": ErrTooMany,
	"57014": ErrStatementTimeout,
}

// broken reports whether an error is that of a connection that was there before
// and is gone.
func broken(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == "57P01" || pg.Code == "57P02" // the server shuts down, or has crashed
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	return !connecting && !needsLoad(err)
}

// pgError says of an error whether the server could not be reached, which passes by
// itself, or has refused.
func pgError(err error) error {
	if err == nil || needsLoad(err) || errors.Is(err, ErrUnreadable) || errors.Is(err, ErrOtherAccount) || errors.Is(err, ErrForeign) {
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
	if cause := pgCauses[pg.Code]; cause != nil {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	switch pg.Code[:2] {
	case "08", "53", "57", "40", "55", "25": // connection, resources, shutdown, serialization, locks, an ended transaction
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return err
}
