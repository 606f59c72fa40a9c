package web

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/syncer"
)

func TestCatchingUp(t *testing.T) {
	t.Parallel()
	done := &ledger.EndpointView{Tracked: 10}
	if c := catchingUp([]*ledger.EndpointView{done}); c != nil {
		t.Errorf("the progress ends too early: %+v", c)
	}
	c := catchingUp([]*ledger.EndpointView{done, {Tracked: 30, Backlog: 4, HistoryBacklog: 11}})
	if c == nil || *c != (catchup{Done: 25, Total: 40, New: 4, History: 11}) {
		t.Errorf("%+v", c)
	}
	st := openState(t, policy())
	st.Do(func(a *ledger.Account) {
		a.List([]ledger.Found{{ID: "ep"}}, epoch, epoch)
		list(a, "ep", epoch, event{id: hexID(1), typ: ready, created: epoch})
	})
	if err := st.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, body := get(New(st, options()), "/")
	for _, want := range []string{`max="1" value="0"`, "Details fetched: 0 of 1 event", "1 older event left"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestWorseFirst(t *testing.T) {
	t.Parallel()
	row := func(name string, inARow int, s badge) endpointRow {
		return endpointRow{endpointHead: endpointHead{ID: "id-" + name, Name: name, InARow: inARow, Badge: s}}
	}
	rows := []endpointRow{
		row("b", 0, badgeFine), row("off", 0, badgeOff), row("a", 0, badgeQuiet), row("bad", 2, badgeFailing), row("c", 0, badgeUnread), row("worst", 30, badgeFailing),
	}
	slices.SortFunc(rows, worseFirst)
	var got []string
	for _, r := range rows {
		got = append(got, r.Name)
	}
	if want := "worst bad c b a off"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

func TestSyncState(t *testing.T) {
	t.Parallel()
	for want, s := range map[badge]syncer.Status{
		{"waiting for a scrape", "muted"}: {},
		{"first sync running", "muted"}:   {Syncing: true},
		{"up to date", "good"}:            {Ended: epoch, Result: "success", Syncing: true},
		{"last sync incomplete", "warn"}:  {Ended: epoch, Result: "partial"},
		{"last sync failed", "bad"}:       {Ended: epoch, Result: "error"},
	} {
		if got := syncBadge(s); got != want {
			t.Errorf("%+v: %+v, want %+v", s, got, want)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	p := New(openState(t, policy()), options())
	for name, row := range map[string]struct {
		change func(*Status)
		want   string
	}{
		"paused": {func(*Status) {}, ">in 30 s</time>"},
		"slowed": {func(s *Status) { s.Limits.PausedUntil = epoch.Add(-time.Second) }, "slowed to 10 a second"},
		"full":   {func(s *Status) { s.Limits.PausedUntil, s.Limits.Current = time.Time{}, 20 }, "20 a second"},
		"slow":   {func(s *Status) { s.Limits.PausedUntil, s.Limits.Current, s.Limits.Configured = time.Time{}, .5, .5 }, "0.5 a second"},
		"none": {func(s *Status) {
			s.Limits = status().Limits
			s.Limits.PausedUntil, s.Limits.Configured, s.Limits.Current = time.Time{}, 0, 0
		}, "no limit"},
	} {
		o := options()
		o.Status = func() Status {
			s := status()
			row.change(&s)
			return s
		}
		if _, body := get(New(p.state, o), "/"); !strings.Contains(body, row.want) {
			t.Errorf("%s: the page does not say %q", name, row.want)
		}
	}
}

// A page that cannot be rendered becomes an error page, not half a page.
func TestContentThatCannotBeShown(t *testing.T) {
	t.Parallel()
	p := New(openState(t, policy()), options())
	p.page("/bad", func(_ *http.Request, _ time.Time) answer {
		return answer{template: "overview", content: errors.New("no such fields")}
	})
	p.page("/json", func(_ *http.Request, _ time.Time) answer { return answer{data: func() {}} })
	for _, path := range []string{"/bad", "/json?format=json"} {
		if response, body := get(p, path); response.StatusCode != 500 || strings.Contains(body, "<") {
			t.Errorf("%s: %d %q", path, response.StatusCode, body)
		}
	}
}

// A page says at the top what is wrong, since when, and what to do, once and without
// contradictions.
func TestFirstSight(t *testing.T) {
	t.Parallel()
	const endpoint = "/endpoints/6b0a9abaec89025cc19756ce"
	for _, row := range []struct {
		scene, path string
		says, never []string
	}{
		{"refused key", "/", []string{"The API does not accept the key</h2>", "Since <time", "--api.key-file", ">No</p>", "20 min ago", "last sync failed"}, []string{"list endpoints", "pill good"}},
		{"refused key", endpoint, []string{"The API does not accept the key</h2>"}, []string{"pill good"}},
		{"refused key", "/failures", []string{"This list is not current"}, nil},
		{"refused key at first", "/", []string{"The API does not accept the key</h2>", "no deliveries", ">No</p>"}, []string{"0 delivered", "pill good"}},
		{"refused key at first", "/failures", []string{"has not read any deliveries", "No failed deliveries are known"}, nil},
		{"no endpoints", "/", []string{"The account has no webhook endpoints</h2>", "last read"}, []string{"nothing read", "pill good"}},
		{"no scrape", "/", []string{"Waiting for the first scrape", "prometheus.yml", "nothing read yet"}, []string{"pill good"}},
		{"well", "/", []string{"no recent failures", ">Yes</p>", "pill good"}, []string{"pill bad", "pill warn"}},
		{"well", "/failures", []string{"No failed deliveries in the last 24 h."}, nil},
		{"half failing", "/", []string{"failing partly", "503 Service Unavailable", "failing since"}, []string{"pill good"}},
		{"half failing", endpoint, []string{"failing partly", "<strong>503 Service Unavailable</strong>: no healthy upstream", "200 failed</span>", "#OmegaStreamDeliveryFailed"}, []string{"pill good"}},
		{"never answering", endpoint, []string{"not answering", "<strong>timeout</strong>", "40 failures in a row", "#OmegaStreamEndpointFailing"}, []string{"pill good"}},
		{"tls", "/", []string{"not answering", "TLS error", "certificate has expired"}, []string{"pill good"}},
	} {
		response, err := http.Get(serveScene(t, scenes()[row.scene]) + row.path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range row.says {
			if strings.Count(string(body), want) == 0 {
				t.Errorf("%s, %s: it does not say %q", row.scene, row.path, want)
			}
		}
		for _, never := range row.never {
			if strings.Contains(string(body), never) {
				t.Errorf("%s, %s: it says %q", row.scene, row.path, never)
			}
		}
	}
	runbooks, err := runbooksHTML()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range badgesByDegree {
		if id := alertOf(s); !strings.Contains(string(runbooks), `id="`+id+`"`) {
			t.Errorf("%s: there is no runbook for %s", s.Word, id)
		}
	}
}
