package postgres

import (
	"testing"

	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
	"omegastream_exporter/internal/test/postgres"
)

func TestPostgresStore(t *testing.T) {
	t.Parallel()
	storetest.Test(t, true, func(t *testing.T) func() state.Store {
		dsn := postgres.NewDatabase(t)
		return func() state.Store { return openPostgres(t, dsn, "omegastream_exporter") }
	})
}
