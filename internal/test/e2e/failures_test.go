package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/postgres"
)

// failedEvent is a failed event, by the names that the export and the API have in common.
type failedEvent struct {
	Endpoint string `json:"endpoint_id"`
	Event    string `json:"event_id"`
	Code     int    `json:"status_code"`
	Video    string `json:"video_id"`
	UUID     string `json:"video_uuid"`
}

// The list of failures equals what the API says about each event, even after a kill and from
// a follower, and takes no API call.
func TestFailuresAreTheTruth(t *testing.T) {
	t.Parallel()
	account, apiURL := serveAccount(t, simulator.Options{Seed: 31})
	answers := make([]simulator.Answer, 10)
	for i := range answers {
		answers[i] = simulator.Responded(http.StatusOK)
	}
	answers[3], answers[7] = simulator.Responded(http.StatusServiceUnavailable), simulator.Responded(http.StatusInternalServerError)
	for range 3 {
		account.Bulk(account.AddEndpoint(simulator.Endpoint{Active: true}), 400, time.Minute, answers...)
	}
	truth := make(map[failedEvent]bool)
	api, err := client.New(apiURL, client.StaticKey(simulator.DefaultKey), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer api.CloseIdleConnections()
	for _, endpoint := range account.EndpointIDs() {
		list, err := api.ListEvents(t.Context(), endpoint)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for e := range list.Events() {
			ids = append(ids, string(e.ID))
		}
		for _, id := range ids {
			e, err := api.GetEvent(t.Context(), endpoint, id)
			if err != nil {
				t.Fatal(err)
			}
			if e.Response.StatusCode != http.StatusOK {
				truth[failedEvent{endpoint, id, e.Response.StatusCode, e.Video.ID, e.Video.UUID}] = true
			}
		}
	}
	if len(truth) != 240 {
		t.Fatalf("%d events failed", len(truth))
	}

	same := func(t *testing.T, p *program) {
		t.Helper()
		asked := account.Calls().Requests[simulator.GetEvent]
		response, rows := do(t, p.url()+"/failures?format=ndjson")
		if more := account.Calls().Requests[simulator.GetEvent] - asked; response.StatusCode != http.StatusOK || more > 0 {
			t.Errorf("status %d, and the export made %d requests for events", response.StatusCode, more)
		}
		exported := make(map[failedEvent]bool)
		for line := range strings.Lines(rows) {
			var f failedEvent
			if err := json.Unmarshal([]byte(line), &f); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			if exported[f] {
				t.Errorf("twice: %s", line)
			}
			exported[f] = true
		}
		if !maps.Equal(exported, truth) {
			t.Errorf("%d events are exported, %d failed, and they differ", len(exported), len(truth))
		}
	}
	learned := func(s *scrape) error {
		if err := upAndContacted(3)(s); err != nil {
			return err
		}
		if n := s.sum("omegastream_exporter_history_detail_backlog"); n > 0 {
			return fmt.Errorf("%v details are not fetched yet", n)
		}
		return nil
	}
	for name, s := range map[string]setup{
		"file":     watching(t, apiURL, "--api.rate-limit=0"),
		"postgres": sharing(t, postgres.NewDatabase(t), apiURL, "--api.rate-limit=0"),
	} {
		p := s.serve(t)
		eventually(t, func() error { return learned(p.mustScrape(5 * time.Second)) })
		same(t, p)
		if name == "postgres" {
			follower := s.serve(t)
			eventually(t, func() error {
				leads, _ := p.mustScrape(5 * time.Second).get("omegastream_exporter_leading")
				shown := follower.mustScrape(5 * time.Second)
				if follows, _ := shown.get("omegastream_exporter_leading"); leads != 1 || follows != 0 {
					return fmt.Errorf("leading: %v, %v", leads, follows)
				}
				return learned(shown)
			})
			same(t, follower)
			follower.stop()
		}
		p.kill()
		again := s.serve(t)
		same(t, again) // before the replica has read a list
		again.stop()
	}
}
