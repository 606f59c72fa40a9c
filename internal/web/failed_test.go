package web

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"omegastream_exporter/internal/ledger"
)

// missed returns the pages of an account with failures of several kinds in two endpoints, and
// what the API said about each.
func missed(t testing.TB, n int) (*Pages, map[string]failedJSON) {
	t.Helper()
	st := openState(t, policy())
	truth := make(map[string]failedJSON)
	st.Do(func(a *ledger.Account) {
		a.List([]ledger.Found{{ID: "ep-a", Meta: ledger.Meta{URL: "a.example.com"}}, {ID: "ep-b", Meta: ledger.Meta{URL: "b.example.com"}}}, epoch, epoch)
		seen := epoch.Add(-23 * time.Hour)
		lists := map[string][]event{}
		for i := range n {
			endpoint := []string{"ep-a", "ep-b"}[i%2]
			e := event{id: hexID(i), typ: []string{ready, failed}[i/2%2], created: seen.Add(time.Duration(-i) * time.Second)}
			var answer ledger.Answer
			row := failedJSON{EndpointID: endpoint, EventID: e.id, Type: e.typ, Created: stamp(e.created.Unix()), Seen: stamp(seen.Unix())}
			switch i % 5 {
			case 0, 1, 2:
				answer = answered(503, "busy")
			case 3:
				answer = silent(ledger.ReasonTLS, "x509: certificate has expired")
			case 4:
				answer = answered(200, "fine")
			}
			if i%5 != 3 {
				row.Code = &answer.StatusCode
			} else {
				row.Reason = orNull("tls")
			}
			row.Message = answer.Text.Message
			if i%7 != 0 {
				answer.Video = ledger.Video{ID: hexID(i + 1000), UUID: fmt.Sprintf("a0dc8dbf-3126-4805-89a1-%012x", i)}
				row.VideoID, row.VideoUUID = &answer.Video.ID, &answer.Video.UUID
			}
			if e.answers = []ledger.Answer{answer}; i%10 == 2 { // healed
				e.answers = append(e.answers, answered(200, "fine"))
				row.Healed = orNull(stamp(seen.Add(10 * time.Minute).Unix()))
			}
			lists[endpoint] = append(lists[endpoint], e)
			if i%5 != 4 {
				truth[e.id] = row
			}
		}
		details := make(map[string][]ledger.Answer)
		for endpoint, events := range lists {
			list(a, endpoint, seen, events...)
			for _, e := range events {
				details[e.id] = e.answers
			}
		}
		for round := range 2 {
			at := seen.Add(time.Duration(round) * 10 * time.Minute)
			a.Promote(at)
			for {
				task, ok := a.Take(at, func(ledger.Class) bool { return true })
				if !ok {
					break
				}
				answers := details[task.EventID]
				a.Answered(task, answers[min(round, len(answers)-1)], at)
			}
		}
	})
	if err := st.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return New(st, options()), truth
}

func lines(t *testing.T, p *Pages, query string) []failedJSON {
	t.Helper()
	response, body := get(p, "/failures?format=ndjson&"+query)
	if response.StatusCode != 200 || response.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("%s: %d %s", query, response.StatusCode, body)
	}
	var all []failedJSON
	for s := bufio.NewScanner(strings.NewReader(body)); s.Scan(); {
		var row failedJSON
		if err := json.Unmarshal(s.Bytes(), &row); err != nil {
			t.Fatalf("%q: %v", s.Text(), err)
		}
		all = append(all, row)
	}
	return all
}

// Each format exports every failed delivery with the right values.
func TestExportsAreTheTruth(t *testing.T) {
	t.Parallel()
	p, truth := missed(t, 150)
	got := make(map[string]failedJSON)
	for _, row := range lines(t, p, "") {
		got[row.EventID] = row
	}
	if diff := cmp.Diff(truth, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}

	response, body := get(p, "/failures?format=json")
	var array []failedJSON
	if err := json.Unmarshal([]byte(body), &array); err != nil || response.Header.Get("Content-Type") != "application/json" {
		t.Fatal(err)
	}
	if diff := cmp.Diff(lines(t, p, ""), array); diff != "" {
		t.Errorf("JSON is not NDJSON:\n%s", diff)
	}

	response, body = get(p, "/failures?format=csv")
	table, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil || response.Header.Get("Content-Type") != "text/csv; charset=utf-8" {
		t.Fatal(err)
	}
	if want := "endpoint_id,event_id,event_type,status_code,reason,created,seen,healed,video_id,video_uuid,message"; strings.Join(table[0], ",") != want {
		t.Errorf("columns %v", table[0])
	}
	for i, row := range array {
		var members map[string]any
		b, _ := json.Marshal(row)
		if err := json.Unmarshal(b, &members); err != nil {
			t.Fatal(err)
		}
		for n, name := range table[0] {
			want := ""
			if v, ok := members[name]; !ok {
				t.Fatalf("JSON has no %s", name)
			} else if v != nil {
				want = fmt.Sprint(v)
			}
			if table[i+1][n] != want {
				t.Errorf("row %d: %s is %q, want %q", i, name, table[i+1][n], want)
			}
		}
	}
	if _, body := get(New(openState(t, policy()), options()), "/failures?format=json"); strings.TrimSpace(body) != "[\n]" {
		t.Errorf("nothing is %q", body)
	}
}

// Each filter selects the right failures.
func TestSelections(t *testing.T) {
	t.Parallel()
	p, truth := missed(t, 150)
	is := func(s *string, want string) bool { return s != nil && *s == want }
	for query, wants := range map[string]func(failedJSON) bool{
		"endpoint=ep-a":              func(r failedJSON) bool { return r.EndpointID == "ep-a" },
		"endpoint=nobody":            func(failedJSON) bool { return false },
		"type=" + failed:             func(r failedJSON) bool { return r.Type == failed },
		"code=503":                   func(r failedJSON) bool { return r.Code != nil },
		"code=404":                   func(failedJSON) bool { return false },
		"code=none":                  func(r failedJSON) bool { return r.Code == nil },
		"reason=tls":                 func(r failedJSON) bool { return is(r.Reason, "tls") },
		"reason=dns":                 func(failedJSON) bool { return false },
		"healed=true":                func(r failedJSON) bool { return r.Healed != nil },
		"healed=false":               func(r failedJSON) bool { return r.Healed == nil },
		"since=2026-02-28T13:29:00Z": func(r failedJSON) bool { return r.Created >= "2026-02-28T13:29:00Z" },
		"until=2026-02-28T13:29:00Z": func(r failedJSON) bool { return r.Created <= "2026-02-28T13:29:00Z" },
		"since=23h1m":                func(r failedJSON) bool { return r.Created >= "2026-02-28T13:29:00Z" },
		"until=1772285340":           func(r failedJSON) bool { return r.Created <= "2026-02-28T13:29:00Z" },
		"video=" + hexID(1001):       func(r failedJSON) bool { return is(r.VideoID, hexID(1001)) },
		"video=A0DC8DBF-3126-4805-89a1-000000000001": func(r failedJSON) bool { return is(r.VideoID, hexID(1001)) },
		"q=Certificate":                       func(r failedJSON) bool { return r.Reason != nil },
		"q=" + hexID(3):                       func(r failedJSON) bool { return r.EventID == hexID(3) },
		"endpoint=ep-b&code=503&healed=false": func(r failedJSON) bool { return r.EndpointID == "ep-b" && r.Code != nil && r.Healed == nil },
	} {
		var want []string
		for id, row := range truth {
			if wants(row) {
				want = append(want, id)
			}
		}
		var got []string
		for _, row := range lines(t, p, query) {
			got = append(got, row.EventID)
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d events, want %d", query, len(got), len(want))
		}
		_, body := get(p, "/failures?"+query)
		if n := plural(len(want), "delivery", "deliveries"); !strings.Contains(body, ">"+n+" in the last 24 h") {
			t.Errorf("%s: the page does not say %s", query, n)
		}
	}
}

// The pages of the list have every event once, newest first.
func TestPagesOfFailures(t *testing.T) {
	t.Parallel()
	p, truth := missed(t, 400)
	seen := make(map[string]int)
	path, last := "/failures", "9"
	for n := 0; path != ""; n++ {
		_, body := get(p, path)
		path = ""
		for _, row := range strings.Split(body, `data-event="`)[1:] {
			id := row[:24]
			seen[id]++
			if created := truth[id].Created; created > last {
				t.Errorf("%s comes after %s", created, last)
			} else {
				last = created
			}
		}
		if at := strings.Index(body, `">Older</a>`); at >= 0 {
			href := body[strings.LastIndex(body[:at], `href="`)+6 : at]
			path, _, _ = strings.Cut(strings.ReplaceAll(href, "&amp;", "&"), "#")
		}
		if n > 10 {
			t.Fatal("there are too many pages")
		}
	}
	if len(seen) != len(truth) {
		t.Errorf("%d events on the pages, want %d", len(seen), len(truth))
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s is there %d times", id, n)
		}
	}
}

// Failures that look the same share a line, which expands to its events.
func TestGroupsOfFailures(t *testing.T) {
	t.Parallel()
	p, truth := missed(t, 60)
	tls := 0
	for _, row := range truth {
		if row.Reason != nil {
			tls++
		}
	}
	_, body := get(p, "/failures")
	at := strings.Index(body, "no response: TLS error</a>")
	if at < 0 || strings.Count(body, `class="code" href=`) != 2 {
		t.Fatalf("the groups are missing: %s", body)
	}
	href := body[strings.LastIndex(body[:at], `href="`)+6:]
	href, _, _ = strings.Cut(href, `"`)
	href = strings.ReplaceAll(href, "&amp;", "&")
	path, _, _ := strings.Cut(href, "#")
	if _, opened := get(p, path); strings.Count(opened, "data-event=") != tls || !strings.Contains(opened, `aria-current="true"`) {
		t.Errorf("%s lists %d events, want %d", path, strings.Count(opened, "data-event="), tls)
	}
}

// An invalid request gets an error in the format it asked for, which says what to change.
func TestErrorsOfSelections(t *testing.T) {
	t.Parallel()
	p := filled(t, options())
	for query, want := range map[string]string{
		"code=5xx": "code=5xx", "code=99": "from 100 to 599", "reason=x": "connection_refused", "since=yesterday": "since=yesterday is not a time",
		"until=-1h": "until=-1h", "healed=maybe": "neither true nor false", "format=xml": "json, ndjson or csv", "before=x": "leave it out",
	} {
		response, body := get(p, "/failures?"+query)
		if response.StatusCode != http.StatusBadRequest || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", query, response.StatusCode, body)
		}
	}
	for path, status := range map[string]int{
		"/failures?format=ndjson&code=x": 400, "/failures?format=csv&since=x": 400, "/endpoints/nobody?format=json": 404,
		"/events/nobody?format=json": 404, "/nothing?format=json": 404,
	} {
		response, body := get(p, path)
		var says struct{ Error string }
		if err := json.Unmarshal([]byte(body), &says); err != nil || says.Error == "" || response.StatusCode != status || response.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", path, response.StatusCode, body)
		}
	}
	response, body := get(New(brokenState{}, options()), "/failures?format=json&x="+url.QueryEscape(hostile))
	if !json.Valid([]byte(body)) || response.StatusCode != 500 {
		t.Errorf("%d %s", response.StatusCode, body)
	}
}

func TestFormatsAreThose(t *testing.T) {
	t.Parallel()
	if got := slices.Sorted(maps.Keys(formats)); !slices.Equal(got, []string{"csv", "json", "ndjson"}) {
		t.Error(got)
	}
}
