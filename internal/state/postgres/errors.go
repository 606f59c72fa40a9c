package postgres

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
)

// SQLSTATEs with an error of their own.
var causes = map[string]error{
	"25006": state.ErrReadOnly,
	"42P07": state.ErrForeign, // a table of that name exists
	"53300": state.ErrTooMany,
	"57014": state.ErrStatementTimeout,
}

// broken reports whether an error means that an existing connection is gone.
func broken(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == "57P01" || pg.Code == "57P02" // the server is shutting down, or has crashed
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	return !connecting && !state.NeedsLoad(err)
}

// explain distinguishes whether the server could not be reached, which passes on its own, or
// refused.
func explain(err error) error {
	if err == nil || state.NeedsLoad(err) || errors.Is(err, ledger.ErrUnreadable) || errors.Is(err, ledger.ErrOtherAccount) || errors.Is(err, state.ErrForeign) {
		return err
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	_, distrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case distrusted, strings.Contains(err.Error(), "server refused TLS"):
		return err
	case !ok:
		return fmt.Errorf("%w: %w", state.ErrUnreachable, err)
	}
	if cause := causes[pg.Code]; cause != nil {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	switch pg.Code[:2] {
	case "08", "53", "57", "40", "55", "25": // connection, resources, shutdown, serialization, locks, an ended transaction
		return fmt.Errorf("%w: %w", state.ErrUnreachable, err)
	}
	return err
}
