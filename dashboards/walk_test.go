package dashboards_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/browser"
	"omegastream_exporter/internal/test/needs"
)

// TestFromAlertToMissedVideos follows the steps of a person who is notified of failures: the
// alert's link, a click on an event, and the commands on the page and in docs/failures.md
// that find the videos.
func TestFromAlertToMissedVideos(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"sh", "curl", "jq"} {
		needs.Tool(t, tool)
	}
	ctx := browser.Open(t)
	a, api, first, _ := account(t)
	e := startExporter(t, api)
	told := startReceiver(t)
	prom := startPrometheus(t, serverOptions{alertmanager: startAlertmanager(t, told)}, e.address)
	prom.wait(t, 2*time.Minute, "count(omegastream_up == 1)", "1")

	missed := make(map[string]string) // video by event id
	for range 5 {
		event := a.Emit(first, eventType, simulator.Responded(http.StatusServiceUnavailable))
		missed[event] = videoOf(t, api, first, event)
		a.Emit(first, eventType, simulator.Responded(http.StatusOK))
	}
	alert := map[string]string{"alertname": "OmegaStreamDeliveryFailed", "endpoint_id": first}
	eventually(t, time.Minute, "the failures are notified", func() error {
		if len(told.received(alert)) == 0 {
			return fmt.Errorf("notified so far: %v", told.received(nil))
		}
		return nil
	})
	alert = told.received(alert)[0]
	// Wait until all details are fetched.
	prom.wait(t, 2*time.Minute, `sum(webhook_delivery_failures_total)`, fmt.Sprint(len(missed)))
	prom.wait(t, 2*time.Minute, `sum(omegastream_exporter_event_detail_backlog + omegastream_exporter_history_detail_backlog)`, "0")
	calls := a.Calls().Requests[simulator.GetEvent]

	evaluate := func(expression string) (text string) {
		t.Helper()
		text, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression))
		if err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
		return text
	}
	do := func(steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			t.Fatal(err)
		}
	}

	// Follow the alert's link.
	do(chromedp.Navigate(alert["failures_url"]))
	listed := strings.Fields(evaluate(`[...document.querySelectorAll("[data-event]")].map((row) => row.dataset.event).join(" ")`))
	if slices.Sort(listed); !slices.Equal(listed, sortedKeys(missed)) {
		t.Fatalf("%s lists %v, the account had %v", alert["failures_url"], listed, sortedKeys(missed))
	}
	shown := evaluate(`document.querySelector("pre.copy").textContent`)

	// Click on an event.
	event := listed[0]
	do(chromedp.Click(chromedp.CSS(`[data-event="` + event + `"] a.id`)))
	eventually(t, 2*time.Minute, "the page of the event", func() error {
		at, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.pathname + " " + document.body.innerText`))
		for _, want := range []string{"/events/" + event + " ", missed[event], "503 Service Unavailable"} {
			if err == nil && !strings.Contains(at, want) {
				err = fmt.Errorf("no %q: %s", want, at)
			}
		}
		return err
	})

	// Run the command on the page, and those in the document.
	document := read(t, "../docs/failures.md")
	dir := t.TempDir()
	run := func(command string) []byte {
		t.Helper()
		sh := exec.Command("sh", "-c", command)
		sh.Dir = dir
		out, err := sh.Output()
		if err != nil {
			t.Fatalf("%s: %v", command, err)
		}
		return out
	}
	got := make(map[string]string)
	for line := range bytes.Lines(run(shown)) {
		var row struct {
			Event string `json:"event_id"`
			Video string `json:"video_uuid"`
		}
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		got[row.Event] = row.Video
	}
	if fmt.Sprint(got) != fmt.Sprint(missed) {
		t.Errorf("%s\ngives %v\nthe account missed %v", shown, got, missed)
	}
	videos := slices.Compact(sortedValues(missed))
	_, one, _ := strings.Cut(document, "```sh\ncurl ")
	one, _, _ = strings.Cut("curl "+one, "\n```")
	one = strings.NewReplacer("localhost:9877", e.address, "healed=false", "healed=false&endpoint="+first).Replace(one)
	if got := strings.Fields(string(run(one))); !slices.Equal(got, videos) {
		t.Errorf("%s\ngives %v\nthe account missed %v", one, got, videos)
	}
	_, script, _ := strings.Cut(document, "```sh\n#!/bin/sh\n")
	script, _, _ = strings.Cut("#!/bin/sh\n"+script, "```")
	for name, text := range map[string]string{"missed.sh": script, "process": "#!/bin/sh\necho \"$2\" >>processed.txt\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	filter, err := url.Parse(alert["failures_url"])
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		run("./missed.sh http://" + e.address + " '" + filter.RawQuery + "'")
		processed := strings.Fields(read(t, filepath.Join(dir, "processed.txt")))
		if slices.Sort(processed); !slices.Equal(processed, sortedValues(missed)) {
			t.Errorf("missed.sh processed %v, the account missed %v", processed, sortedValues(missed))
		}
	}
	if more := a.Calls().Requests[simulator.GetEvent] - calls; more > 0 {
		t.Errorf("following the steps caused %d requests for events", more)
	}
}

// videoOf returns the UUID of an event's video from the API.
func videoOf(t *testing.T, api, endpoint, event string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, api+"/client/webhooks/"+endpoint+"/events/"+event, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+simulator.DefaultKey)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var detail struct {
		Data struct{ Video struct{ UUID string } }
	}
	if err := json.NewDecoder(resp.Body).Decode(&detail); err != nil || detail.Data.Video.UUID == "" {
		t.Fatalf("the detail of %s: %s, %v", event, resp.Status, err)
	}
	return detail.Data.Video.UUID
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

func sortedValues(m map[string]string) []string { return slices.Sorted(maps.Values(m)) }
