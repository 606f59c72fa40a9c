package postgres

import (
	"sync"
	"testing"
)

// NewDatabase creates an empty database on the server that the tests of this binary share,
// and returns its URL. If the test fails, it shows the server's log of the database.
func NewDatabase(t testing.TB) string {
	t.Helper()
	programs(t) // ends the test before Once has run
	shared.Do(func() { shared.server, shared.err = start(t) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	name, err := shared.server.newDatabase()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what PostgreSQL logged of %s:\n%s", name, shared.server.logged(name))
		}
	})
	return shared.server.URL(name)
}

var shared struct {
	sync.Once
	server *Server
	err    error
}
