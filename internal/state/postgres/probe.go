package postgres

import (
	"context"
	"fmt"

	"omegastream_exporter/internal/state"
)

// Probe implements [state.Prober]. It checks the rights of the role, and creates and writes
// nothing.
func (p *Store) Probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	var readOnly, makesSchemas, schema, makesTables, tables, writes bool
	err := p.pool.QueryRow(ctx, `SELECT
			current_setting('transaction_read_only')::boolean, -- as on a standby
			has_database_privilege(current_database(), 'CREATE'),
			n.oid IS NOT NULL,
			coalesce(has_schema_privilege(n.oid, 'CREATE'), false),
			count(c.oid) = 2,
			coalesce(bool_and(has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'UPDATE')), false)
		FROM (SELECT $1::text AS name) AS wanted
		LEFT JOIN pg_namespace n ON n.nspname = wanted.name
		LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname IN ('state', 'record')
		GROUP BY n.oid`, p.schema).Scan(&readOnly, &makesSchemas, &schema, &makesTables, &tables, &writes)
	switch {
	case err != nil:
		return explain(err)
	case readOnly:
		return state.ErrReadOnly
	case !schema && !makesSchemas:
		return fmt.Errorf("the role cannot create the schema %s", p.schema)
	case schema && !tables && !makesTables:
		return fmt.Errorf("the role cannot create tables in the schema %s", p.schema)
	case tables && !writes:
		return fmt.Errorf("the role cannot write to the tables of the schema %s", p.schema)
	}
	return nil
}
