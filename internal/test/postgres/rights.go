package postgres

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// LeastRights leaves the role in a database's URL only the rights to read and write the
// existing tables of a schema, like a role that does not own them.
func LeastRights(t testing.TB, url, schema string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	for _, statement := range []string{
		"REVOKE CREATE ON DATABASE " + conn.Config().Database + " FROM CURRENT_USER, PUBLIC",
		"REVOKE ALL ON SCHEMA $schema FROM CURRENT_USER, PUBLIC",
		"GRANT USAGE ON SCHEMA $schema TO CURRENT_USER",
		"REVOKE ALL ON ALL TABLES IN SCHEMA $schema FROM CURRENT_USER, PUBLIC",
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA $schema TO CURRENT_USER",
	} {
		if _, err := conn.Exec(t.Context(), strings.ReplaceAll(statement, "$schema", pgx.Identifier{schema}.Sanitize())); err != nil {
			t.Fatal(err)
		}
	}
}
