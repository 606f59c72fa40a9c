package postgres

import (
	"strconv"
	"testing"
	"time"
)

// Standby starts a server that streams from this one, until the end of the test. It has the
// same databases and passwords.
func (s *Server) Standby(t testing.TB) *Server {
	t.Helper()
	h, err := newHome(s.bin)
	if err != nil {
		t.Fatal(err)
	}
	standby := &Server{home: h, password: s.password}
	standby.port, err = freePort()
	if err == nil {
		_, err = standby.run("pg_basebackup", "--pgdata=data", "--checkpoint=fast", "--no-sync", "--wal-method=stream", "--write-recovery-conf",
			"--host="+s.dir, "--port="+strconv.Itoa(s.port), "--username=postgres")
	}
	if err == nil {
		err = standby.begin()
	}
	if err != nil {
		t.Fatal(err)
	}
	standby.endsWith(t)
	return standby
}

// Sever stops a standby from receiving more from its primary.
func (s *Server) Sever(t testing.TB) {
	t.Helper()
	s.SQL(t, "postgres", "ALTER SYSTEM SET primary_conninfo = ''")
	s.SQL(t, "postgres", "SELECT pg_reload_conf()")
	s.until(t, "SELECT count(*) = 0 FROM pg_stat_wal_receiver")
}

// Promote promotes a standby to primary.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	s.SQL(t, "postgres", "SELECT pg_promote(true, 60)")
}

// Received waits until a standby has received everything that the server has written so far.
func (s *Server) Received(t testing.TB, standby *Server) {
	t.Helper()
	at := s.SQL(t, "postgres", "SELECT pg_current_wal_flush_lsn()")
	standby.until(t, "SELECT pg_last_wal_replay_lsn() >= '"+at+"'")
}

// until waits until the answer to a query is true.
func (s *Server) until(t testing.TB, question string) {
	t.Helper()
	for s.SQL(t, "postgres", question) != "t" {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatalf("the test ended while this was still false: %s", question)
		}
	}
}
