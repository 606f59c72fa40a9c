package command

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/internal/app"
	"omegastream_exporter/internal/config"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
)

// A state of an exporter that fetched outcomes too slowly gives a warning, not a failure.
func TestStateOfAnExporterThatWasBehind(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, row := range []struct {
		late time.Duration
		warn string
	}{
		{late: 5 * time.Minute},
		{late: 25 * time.Minute, warn: "endpoint ep: the exporter was behind when it last wrote the state: it did not know the outcome of 1 delivery, the oldest created 25 minutes before"},
	} {
		var out bytes.Buffer
		_, cfg, err := config.Parse([]string{"check", "--api.url=https://api.example.com/company", "--state.url=file:" + filepath.Join(t.TempDir(), "ledger.db")}, &out, &out)
		if err != nil {
			t.Fatal(err)
		}
		store, err := cfg.State.Store()
		if err != nil {
			t.Fatal(err)
		}
		st, _, err := state.Open(t.Context(), store, cfg.API.URL.String(), app.Policy(cfg), storetest.Quiet{})
		if err != nil {
			t.Fatal(err)
		}
		st.Do(func(a *ledger.Account) {
			a.List([]ledger.Found{{ID: "ep", Meta: ledger.Meta{Active: true}}}, now, now)
			storetest.Read(t, a, "ep", now.Add(-time.Hour), true)
			storetest.Read(t, a, "ep", now, true, storetest.Item{ID: storetest.HexID(1), Type: "video.uploaded", Created: now.Add(-row.late).Unix()})
		})
		if err := st.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		r := &report{w: &out}
		if _, err := inspectState(t.Context(), cfg, r.warn); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(r.warned, "\n"); got != row.warn {
			t.Errorf("late by %v: %q, want %q", row.late, got, row.warn)
		}
	}
}
