package collector

import (
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/simulator"
)

// The files in testdata are expositions. To update them after an intended change:
//
//	go test ./collector -run TestExposition -update
var update = flag.Bool("update", false, "rewrite the files in testdata")

// unsteady matches families that differ from run to run: those of the process, the Go runtime
// and promhttp, and durations.
var unsteady = regexp.MustCompile(`^(# (HELP|TYPE) )?(go_|process_|promhttp_|omegastream_exporter_build_info|\w+_duration_seconds|omegastream_api_rate_limit_wait)`)

// golden compares an exposition with testdata/NAME.metrics.
func golden(t *testing.T, name, text string) {
	t.Helper()
	var got strings.Builder
	for line := range strings.Lines(text) {
		if !unsteady.MatchString(line) {
			got.WriteString(line)
		}
	}
	file := filepath.Join("testdata", name+".metrics")
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
		t.Errorf("%s differs (-want +got), see the flag -update:\n%s", file, diff)
	}
}

// TestExposition compares what is exposed for accounts in various states.
func TestExposition(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		show func(t *testing.T) string
	}{
		{"good", goodAccount},
		{"first_contact", func(t *testing.T) string {
			a := withHistory(newAccount(simulator.Options{}, endpointA))
			a.AddFault(simulator.Fault{Operation: simulator.GetEvent, Do: simulator.Delay(time.Second)}) // fetching history takes longer than a scrape
			return start(t, a, held()).answer().Body.String()
		}},
		{"before_contact", func(t *testing.T) string { // metadata, but no counters and no time of a sync
			a := withHistory(newAccount(simulator.Options{}, endpointA))
			a.AddFault(simulator.Fault{Operation: simulator.ListEvents, Do: simulator.Status(404, "no")})
			return start(t, a, held()).answer().Body.String()
		}},
		{"unauthorized", withFault(simulator.Fault{Do: simulator.Status(401, "no")})},
		{"forbidden", withFault(simulator.Fault{Do: simulator.Status(403, "no")})},
		{"list_not_found", withFault(simulator.Fault{
			Operation: simulator.ListEvents, EndpointID: endpointB, Do: simulator.Status(404, "no"),
		})},
		{"details_not_found", withFault(simulator.Fault{
			Operation: simulator.GetEvent, EndpointID: endpointB, Do: simulator.Status(404, "no"),
		})},
		{"details_gone", withFault(simulator.Fault{
			Operation: simulator.GetEvent, EndpointID: endpointB, Do: simulator.Status(410, "no"),
		})},
		{"rate_limited", withFault(simulator.Fault{Do: simulator.TooManyRequests(time.Minute)})},
		{"server_error", withFault(simulator.Fault{
			Operation: simulator.ListEvents, EndpointID: endpointB, Do: simulator.Status(500, "oops"),
		})},
		{"truncated_list", withFault(simulator.Fault{
			Operation: simulator.ListEvents, EndpointID: endpointB, Do: simulator.CutElements(1, simulator.EndAbort),
		})},
		{"html", withFault(simulator.Fault{Operation: simulator.ListEvents, EndpointID: endpointB, Do: simulator.HTML()})},
		{"endless_list", withFault(simulator.Fault{Operation: simulator.ListEvents, EndpointID: endpointB, Do: simulator.Endless()})},
		{"hostile_events", hostileEvents},
		{"deadline", func(t *testing.T) string {
			a := newAccount(simulator.Options{}, endpointA)
			r := start(t, a, setup{})
			r.scrape()
			a.Emit(endpointA, failedType, simulator.Responded(503))
			a.Emit(endpointA, failedType, simulator.Responded(503))
			a.AddFault(simulator.Fault{Operation: simulator.GetEvent, Do: simulator.Delay(8 * time.Second)})
			a.AddFault(simulator.Fault{Operation: simulator.ListEvents, Do: simulator.Delay(time.Second)})
			return r.answer(timeout("5")).Body.String()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { golden(t, tt.name, tt.show(t)) })
		})
	}
}

// held is a setup that holds new series as long as the default does.
func held() setup { return setup{policy: ledger.Policy{Hold: time.Minute}} }

// withHistory gives endpoint A an hour-old history.
func withHistory(a *simulator.Account) *simulator.Account {
	for i, code := range []int{200, 500, 200} {
		a.Insert(endpointA, simulator.Event{
			Type: testTypes[i%2], CreatedTime: time.Now().Add(time.Duration(i-3) * time.Hour),
			Answers: []simulator.Answer{simulator.Responded(code)},
		})
	}
	return a
}

// goodAccount shows an account with every kind of endpoint, after the hold.
func goodAccount(t *testing.T) string {
	a := newAccount(simulator.Options{}, endpointA, endpointB, endpointC)
	note := `the "other" side`
	a.UpdateEndpoint(endpointA, func(e *simulator.Endpoint) { e.Description = &note })
	silent := a.AddEndpoint(simulator.Endpoint{ID: "dddddddddddddddddddddddd", Events: testTypes, Active: true})
	a.AddEndpoint(simulator.Endpoint{ID: "eeeeeeeeeeeeeeeeeeeeeeee", Events: testTypes[:1]})
	withHistory(a)
	with := held()
	with.scrape.ExternalURL = "https://example.com/webhooks"
	r := start(t, a, with)
	r.scrape()
	r.scrapes(4, 15*time.Second)
	a.Emit(endpointA, succeedType, simulator.Responded(200)) // healthy
	a.Emit(endpointA, failedType, simulator.Responded(204))
	a.Emit(endpointB, succeedType, simulator.Responded(500)) // failing
	id := a.Emit(endpointB, succeedType, simulator.Responded(500))
	for _, cause := range []string{
		simulator.CauseTimeout, simulator.CauseDNS, simulator.CauseRefused, simulator.CauseReset, simulator.CauseTLS, simulator.CauseEOF, "",
	} {
		a.Emit(silent, failedType, simulator.NoResponse(cause)) // never answering
	}
	a.Emit(endpointC, failedType, simulator.Pending()) // pending
	r.scrapes(5, 15*time.Second)
	a.SetAnswer(endpointB, id, simulator.Responded(200)) // retried
	return finalScrape(r)
}

// finalScrape scrapes until retries are visible and nothing is held.
func finalScrape(r *rig) string {
	r.scrapes(20, 30*time.Second)
	return r.answer().Body.String()
}

// withFault shows an account with two endpoints, of which one event each met a fault after a
// good sync.
func withFault(f simulator.Fault) func(*testing.T) string {
	return func(t *testing.T) string {
		a := newAccount(simulator.Options{}, endpointA, endpointB)
		r := start(t, a, setup{client: client.Options{MaxListEvents: 300}})
		r.scrape()
		for _, id := range []string{endpointA, endpointB} {
			a.Emit(id, failedType, simulator.Responded(500))
			a.Emit(id, failedType, simulator.Responded(500))
		}
		time.Sleep(10 * time.Second)
		a.AddFault(f)
		return r.answer().Body.String()
	}
}

// hostileEvents shows an account with malformed events.
func hostileEvents(t *testing.T) string {
	a := newAccount(simulator.Options{}, endpointA, endpointB)
	a.AddEndpoint(simulator.Endpoint{
		ID: `sli/../ghtly "odd"`, URL: "::no url::", Events: []string{"", "tab\tand\x01control", "new\nline"}, Active: true,
	})
	r := start(t, a, setup{})
	r.scrape()
	emit := func(e simulator.Event) {
		e.Answers = []simulator.Answer{simulator.Responded(500)}
		a.Insert(endpointA, e)
	}
	emit(simulator.Event{ID: "not hex/../%2e?#", Type: failedType})
	emit(simulator.Event{ID: strings.Repeat("long", 60), Type: failedType}) // too long for an exemplar
	emit(simulator.Event{Type: "bad\xff\xfeutf8\xc3"})
	emit(simulator.Event{Type: strings.Repeat("ü", 400)})
	emit(simulator.Event{Type: "control\x00\x1b[31m\u202e"})
	emit(simulator.Event{Type: ""})
	emit(simulator.Event{Type: failedType, Created: "4070908800000"}) // in milliseconds, and in 2099
	emit(simulator.Event{Type: failedType, Created: "0"})
	emit(simulator.Event{Type: failedType, Created: `"yesterday"`}) // unusable
	for i := range 100 {
		a.Insert(endpointB, simulator.Event{Type: "made.up." + string(rune('a'+i/26)) + string(rune('a'+i%26))})
	}
	// The types of endpoint A are admitted, those of endpoint B are not, because there are
	// too many.
	a.AddFault(simulator.Fault{Operation: simulator.ListEvents, EndpointID: endpointB, Do: simulator.Delay(time.Second)})
	a.AddFault(simulator.Fault{Operation: simulator.ListEvents, EndpointID: endpointB, Do: simulator.Inject(3, `["not","an","event"]`)})
	a.AddFault(simulator.Fault{Operation: simulator.ListEvents, EndpointID: endpointB, Do: simulator.Inject(5, `{"id":"\u0000control"}`)})
	w := r.answer()
	if w.Code != http.StatusOK {
		t.Errorf("status %d", w.Code)
	}
	return w.Body.String()
}
