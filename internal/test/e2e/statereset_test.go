package e2e

import (
	"strings"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/postgres"
)

// The counters of a running exporter are not reset by accident: without a terminal to ask on,
// reset-counters requires --yes.
func TestResetWhileAnExporterRuns(t *testing.T) {
	t.Parallel()
	account, apiURL := serveAccount(t, simulator.Options{Seed: 23})
	account.AddEndpoint(simulator.Endpoint{Active: true})
	s := sharing(t, postgres.NewDatabase(t), apiURL, "--collector.min-interval=0s")
	p := s.serve(t)
	p.mustScrape(30 * time.Second)
	reset := setup{dir: s.dir, args: []string{"state", "reset-counters", "--api.url=" + apiURL}, env: s.env}
	status, stdout, stderr := reset.run(t)
	if status != 1 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "--yes") {
		t.Errorf("exit status %d, %q, %q", status, stdout, stderr)
	}
	reset.args = append(reset.args, "--yes")
	if status, stdout, stderr := reset.run(t); status != 0 || stdout == "" {
		t.Errorf("with --yes: exit status %d, %q, %q", status, stdout, stderr)
	}
	p.stop()
}
