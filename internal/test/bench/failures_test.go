package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/file"
)

// answers returns the answers of Bulk: one in ten fails, with one of two codes.
func (s scenario) answers() []simulator.Answer {
	if !s.Failing {
		return nil
	}
	all := make([]simulator.Answer, 20)
	for i := range all {
		all[i] = simulator.Responded(http.StatusOK)
	}
	all[3], all[13] = simulator.Responded(http.StatusServiceUnavailable), simulator.Responded(http.StatusInternalServerError)
	return all
}

// failedEvent is a failed event, by the names that the export and the API have in common.
type failedEvent struct {
	Endpoint string `json:"endpoint_id"`
	Event    string `json:"event_id"`
	Code     int    `json:"status_code"`
	Video    string `json:"video_id"`
	UUID     string `json:"video_uuid"`
}

// writeFailures fetches every event of an account that Bulk lets fail, and writes it. It
// checks their number against the account.
func writeFailures(w io.Writer, account *simulator.Account) error {
	api, err := client.New("http://api.example"+simulator.BasePath, client.StaticKey(simulator.DefaultKey), client.Options{
		Transport: simulator.Transport(account),
	})
	if err != nil {
		return err
	}
	ctx, out, failed := context.Background(), json.NewEncoder(w), 0
	for _, endpoint := range account.EndpointIDs() {
		list, err := api.ListEvents(ctx, endpoint)
		if err != nil {
			return err
		}
		var ids []string // newest first
		for e := range list.Events() {
			ids = append(ids, string(e.ID))
		}
		for i, id := range ids {
			if (len(ids)-1-i)%10 != 3 { // in the order of answers
				continue
			}
			e, err := api.GetEvent(ctx, endpoint, id)
			if err != nil {
				return err
			}
			if e.Response.StatusCode == http.StatusOK {
				return fmt.Errorf("%s has not failed", id)
			}
			failed++
			if err := out.Encode(failedEvent{endpoint, id, e.Response.StatusCode, e.Video.ID, e.Video.UUID}); err != nil {
				return err
			}
		}
	}
	latest := account.Truth().Sum("").Latest
	if delete(latest, "200"); latest["500"]+latest["503"] != failed || len(latest) != 2 {
		return fmt.Errorf("%d events failed, the account has %v", failed, latest)
	}
	return nil
}

// BenchmarkFailures exports 100,000 failed deliveries among a million events of three
// endpoints, without calling the API. They must be the ones that the API has.
func BenchmarkFailures(b *testing.B) {
	srv := serve(b, scenario{Endpoints: 3, Events: 333_340, Spacing: 80 * time.Millisecond, Failing: true})
	truth := failedEvents(b, srv.ask(b, "/failures"))
	path := filepath.Join(b.TempDir(), "ledger.db")
	st, _, err := state.Open(b.Context(), file.New(path), srv.URL, policy(), quiet{})
	if err != nil {
		b.Fatal(err)
	}
	byEvent := make(map[string]failedEvent, len(truth))
	for f := range truth {
		byEvent[f.Event] = f
	}
	learnFrom(b, st, newAPI(b, srv.URL, nil), func(task ledger.Task) ledger.Answer {
		if f, ok := byEvent[task.EventID]; ok {
			return ledger.Answer{Responded: true, StatusCode: f.Code, Video: ledger.Video{ID: f.Video, UUID: f.UUID}}
		}
		return ledger.Answer{Responded: true, StatusCode: http.StatusOK}
	})
	closeState(b, st)
	p := startProcess(b, srv.URL, "file:"+path)
	defer p.stop()
	for range 20 {
		p.metrics()
	}
	// The peak memory counts from here, so it is that of the exports.
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.cmd.Process.Pid), []byte("5"), 0o600); err != nil {
		b.Fatal(err)
	}
	steady, before := p.peak(), srv.traffic(b)
	var rows []byte
	for _, of := range []string{"time", "memory"} { // each has a line in the table
		b.Run(of, func(b *testing.B) {
			for b.Loop() {
				rows = p.get("/failures?format=ndjson")
			}
			b.ReportMetric(float64(len(rows))/1e6, "MB-answer")
			b.ReportMetric((p.peak()-steady)/1e6, "MB-above")
		})
	}
	if calls := srv.traffic(b).since(before).Requests; calls > 0 {
		b.Errorf("the API was asked %d times", calls)
	}
	if exported := failedEvents(b, rows); rows != nil && !maps.Equal(exported, truth) {
		b.Errorf("%d events are exported, %d failed, and they differ", len(exported), len(truth))
	}
}

// failedEvents reads lines of NDJSON, and checks that they are unique.
func failedEvents(tb testing.TB, rows []byte) map[failedEvent]bool {
	tb.Helper()
	all := make(map[failedEvent]bool)
	for line := range bytes.Lines(rows) {
		var f failedEvent
		if err := json.Unmarshal(line, &f); err != nil {
			tb.Fatalf("%s: %v", line, err)
		}
		if all[f] {
			tb.Errorf("twice: %s", line)
		}
		all[f] = true
	}
	return all
}
