package turns

import (
	"strings"
	"testing"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/test/postgres"
)

// Once the table is there, a role that may read and write it is enough.
func TestLeastRights(t *testing.T) {
	t.Parallel()
	at := fresh(t)
	two := limiters(t, at, 2)
	if _, err := two[0].Reserve(t.Context(), 1, 100); err != nil {
		t.Fatal(err)
	}
	postgres.LeastRights(t, at, schema)
	if g, err := two[1].Reserve(t.Context(), 1, 100); err != nil || g.Turns != 1 {
		t.Errorf("%+v, %v", g, err)
	}
	now := time.Now()
	if th, err := two[1].Refused(t.Context(), client.Refusal{Sent: now, Answered: now, RetryAfter: time.Minute}); err != nil || th.Left(now) == 0 {
		t.Errorf("%+v, %v", th, err)
	}
	if _, err := two[0].Succeeded(t.Context(), time.Now()); err != nil {
		t.Error(err)
	}
}

// Without it, and without the right to make it, the error says what is missing.
func TestTableThatMayNotBeMade(t *testing.T) {
	t.Parallel()
	at := fresh(t)
	postgres.LeastRights(t, at, schema)
	_, err := limiters(t, at, 1)[0].Reserve(t.Context(), 1, 100)
	if err == nil || !strings.Contains(err.Error(), "permission denied for schema "+schema) {
		t.Error(err)
	}
}
