package command

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	gocmp "github.com/google/go-cmp/cmp"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/config"
	"omegastream_exporter/internal/simulator"
)

var update = flag.Bool("update", false, "rewrite the reports in testdata")

// The tests run with a key in the environment, and with no other variable of the exporter.
func TestMain(m *testing.M) {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "OMEGASTREAM_") {
			os.Unsetenv(name)
		}
	}
	os.Setenv(config.EnvKey, simulator.DefaultKey)
	os.Exit(m.Run())
}

func TestReport(t *testing.T) {
	t.Parallel()
	now := time.Now()
	fault := func(op simulator.Operation, do simulator.Effect) func(*simulator.Account) {
		return func(a *simulator.Account) { a.AddFault(simulator.Fault{Operation: op, Do: do}) }
	}
	for _, row := range []struct {
		name  string
		spoil func(*simulator.Account)
		only  []string
		url   string // --api.url; empty for the simulator's
		state string // --state.url; empty for memory:
		fails bool
	}{
		{name: "works"},
		{name: "no_endpoints", spoil: func(a *simulator.Account) {
			for _, id := range a.EndpointIDs() {
				a.RemoveEndpoint(id)
			}
		}},
		{name: "wrong_key", spoil: func(a *simulator.Account) { a.SetKey("another") }, fails: true},
		{name: "html", spoil: fault(simulator.ListEndpoints, simulator.HTML()), fails: true},
		{name: "list_fails", spoil: fault(simulator.ListEvents, simulator.Status(http.StatusNotFound, "")), fails: true},
		{name: "no_usable_event", spoil: fault(simulator.ListEvents, simulator.Body(`[{"_id":"a"},{"id":"b","created":"soon"}]`)), only: []string{"000000000000000000000002"}, fails: true},
		{name: "null_lists", spoil: fault(simulator.ListEvents, simulator.Body("null"))},
		{name: "more_pages", spoil: fault(simulator.ListEndpoints, simulator.Header(simulator.Empty(), "Link", `<https://api.example.com/company/client/webhooks/all?page=2>; rel="next"`)), fails: true},
		{name: "no_path", spoil: fault(simulator.ListEndpoints, simulator.HTML()), url: "https://api.example.com", fails: true},
		{name: "detail_refused", spoil: fault(simulator.GetEvent, simulator.Status(http.StatusForbidden, ""))},
		{name: "detail_is_gone", spoil: fault(simulator.GetEvent, simulator.Status(http.StatusNotFound, ""))},
		{name: "unusable_ids", spoil: func(a *simulator.Account) {
			a.AddEndpoint(simulator.Endpoint{ID: "a\u202eb"})
			a.AddFault(simulator.Fault{Operation: simulator.ListEndpoints, Do: simulator.Body(
				`[{"id":"a\u0000b","url":"http://h/x"},{"id":"a\u202eb","url":"http://h\u202e/x"},{"id":"a\u202eb"},{}]`)})
		}},
		{name: "one_endpoint", only: []string{"000000000000000000000002"}},
		{name: "may_not_list", spoil: fault(simulator.ListEndpoints, simulator.Status(http.StatusForbidden, "")), only: []string{"000000000000000000000002"}},
		{name: "no_such_endpoint", only: []string{"000000000000000000000009"}, fails: true},
		{name: "state_fails", state: "file:testdata", fails: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			account := simulator.New(simulator.Options{Now: func() time.Time { return now }})
			populate(account, now)
			if row.spoil != nil {
				row.spoil(account)
			}
			api, err := client.New("https://api.example.com/company", client.StaticKey(simulator.DefaultKey),
				client.Options{Transport: simulator.Transport(account)})
			if err != nil {
				t.Fatal(err)
			}
			args := []string{"check", "--api.url=" + cmp.Or(row.url, "https://api.example.com/company"), "--state.url=" + cmp.Or(row.state, "memory:")}
			for _, id := range row.only {
				args = append(args, "--webhook.endpoint-id="+id)
			}
			var out bytes.Buffer
			_, cfg, err := config.Parse(args, &out, &out)
			if err != nil {
				t.Fatal(err)
			}
			err = check(t.Context(), cfg, api, &out)
			if errors.Is(err, ErrCheckFailed) != row.fails {
				t.Errorf("error %v, want a failure: %v", err, row.fails)
			}
			compare(t, row.name, out.String())
		})
	}
}

const receiver = "https://hooks.a-rather-long-name.example.com/x"

// populate adds endpoints whose newest event is delivered, failed, without a response, and
// pending.
func populate(a *simulator.Account, now time.Time) {
	answers := []simulator.Answer{
		simulator.Responded(http.StatusOK), simulator.Responded(http.StatusServiceUnavailable),
		simulator.NoResponse(simulator.CauseTimeout), simulator.Pending(),
	}
	for i, answer := range answers {
		id := a.AddEndpoint(simulator.Endpoint{URL: receiver, ID: "00000000000000000000000" + string(rune('1'+i)), Active: i != 1})
		a.Insert(id, simulator.Event{Type: "video.uploaded", CreatedTime: now.Add(-72 * time.Hour), Answers: []simulator.Answer{answer}})
		a.Insert(id, simulator.Event{Type: "video.uploaded", CreatedTime: now.Add(-time.Duration(i*i*i) * time.Hour), Answers: []simulator.Answer{answer}})
	}
	a.AddEndpoint(simulator.Endpoint{URL: receiver, ID: "000000000000000000000005", Active: true})
}

// compare compares a report with its golden file, without the API's response time.
func compare(t *testing.T, name, got string) {
	t.Helper()
	for line := range strings.Lines(got) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("a line of %d columns: %s", n, line)
		}
	}
	if head, tail, ok := strings.Cut(got, "answered in "); ok {
		_, tail, _ = strings.Cut(tail, "\n")
		got = head + "answered in TIME\n" + tail
	}
	golden := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), got); diff != "" {
		t.Errorf("the report differs (-want +got):\n%s", diff)
	}
}
