package web

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/ratelimit"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/syncer"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var epoch = time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)

const (
	ready    = "video.ready_to_watch"
	failed   = "video.process_failed"
	hostile  = `<img src=x onerror="hacked=1">`
	breakout = `"'></td><script>hacked=1</script>`
)

type quiet struct{}

func (quiet) Committed(time.Duration) {}
func (quiet) CommitFailed(error)      {}
func (quiet) LoadedAnew(error)        {}
func (quiet) Waiting(error)           {}

func openState(t testing.TB, policy ledger.Policy) *state.State {
	t.Helper()
	st, _, err := state.Open(context.Background(), state.NewMemory(), "https://api.example", policy, quiet{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close(context.Background()) })
	return st
}

func policy() ledger.Policy {
	return ledger.Policy{Window: 24 * time.Hour, Overlap: 15 * time.Minute, NoResponseAfter: 10 * time.Minute, ShowBody: true}
}

// event is an event with the successive answers for its detail. The last one repeats.
type event struct {
	id, typ string
	created time.Time
	answers []ledger.Answer
}

func hexID(n int) string { return fmt.Sprintf("%024x", n+1<<20) }

func answered(code int, message string) ledger.Answer {
	return ledger.Answer{Responded: true, StatusCode: code, Text: ledger.AnswerText{
		Status: fmt.Sprintf("%d %s", code, http.StatusText(code)), Message: message, Body: "body of " + message,
	}}
}

func silent(reason ledger.Reason, message string) ledger.Answer {
	return ledger.Answer{Responded: true, Reason: reason, Text: ledger.AnswerText{Message: message}}
}

// list reads an endpoint's list.
func list(a *ledger.Account, endpoint string, now time.Time, events ...event) {
	r := a.Begin(endpoint, now, now, now)
	for _, e := range events {
		if r.Note([]byte(e.id), e.typ, e.created.Unix()) {
			a.Apply(r, now)
		}
	}
	a.Apply(r, now)
	a.End(r, true, now)
}

// live advances time up to the epoch: lists show the events created so far, and due details
// are fetched.
func live(a *ledger.Account, lists map[string][]event) {
	asked := make(map[string]int)
	for at := epoch.Add(-24 * time.Hour); !at.After(epoch); at = at.Add(10 * time.Minute) {
		details := make(map[string][]ledger.Answer)
		for endpoint, events := range lists {
			var shown []event
			for _, e := range events {
				if !e.created.After(at) {
					shown = append(shown, e)
					details[endpoint+e.id] = e.answers
				}
			}
			list(a, endpoint, at, shown...)
		}
		a.Promote(at)
		for {
			task, ok := a.Take(at, func(ledger.Class) bool { return true })
			if !ok {
				break
			}
			key := task.EndpointID + task.EventID
			a.Answered(task, details[key][min(asked[key], len(details[key])-1)], at)
			asked[key]++
		}
	}
}

// account adds an endpoint of every kind to a state.
func account(t testing.TB, st *state.State) {
	t.Helper()
	began := epoch.Add(-24 * time.Hour)
	ago := func(d time.Duration) time.Time { return epoch.Add(-d) }
	ok := []ledger.Answer{answered(200, "fine")}
	lists := map[string][]event{
		"ep-bad": {
			{hexID(1), failed, ago(time.Minute), []ledger.Answer{answered(503, breakout)}},
			{hexID(2), ready, ago(2 * time.Hour), []ledger.Answer{silent(ledger.ReasonDNS, "lookup bad.example.com: no such host")}},
			{hexID(3), hostile, ago(3 * time.Hour), []ledger.Answer{answered(500, "first"), answered(500, "first"), answered(502, "second")}},
			{hexID(4), ready, ago(20 * time.Hour), []ledger.Answer{answered(500, "once"), answered(200, "then fine")}},
			{"shared event/1", ready, ago(21 * time.Hour), ok},
		},
		"ep-good": {
			{"shared event/1", ready, ago(4 * time.Hour), []ledger.Answer{answered(401, "who are you?")}},
			{hexID(10), ready, ago(3 * time.Hour), ok},
			{hexID(11), ready, ago(2 * time.Hour), ok},
			{hexID(12), ready, ago(5 * time.Minute), []ledger.Answer{{}}},
			{strings.Repeat("id", 100), strings.Repeat("longtype", 20), ago(6 * time.Hour), []ledger.Answer{answered(599, strings.Repeat("longmessage", 60))}},
		},
		"ep-off":  {{hexID(20), failed, ago(23 * time.Hour), ok}},
		"ep-none": {},
	}
	meta := func(url, description string, active bool) ledger.Meta {
		return ledger.Meta{URL: url, Description: description, Active: active, Events: []string{ready}, CreatedAt: began.Add(-time.Hour), UpdatedAt: began}
	}
	st.Do(func(a *ledger.Account) {
		a.List([]ledger.Found{
			{ID: "ep-bad", CompanyID: "company-1", Meta: meta("bad.example.com", breakout, true)},
			{ID: "ep-good", Meta: meta("good.example.com", "fine", true)},
			{ID: "ep-off", Meta: meta(strings.Repeat("longhost.", 20), strings.Repeat("longdescription", 20), false)},
			{ID: "ep-none", Meta: meta("", "Nothing was sent yet", true)},
			{ID: "ep-new", Meta: meta("new.example.com", "Not read yet", true)},
		}, began, began)
		live(a, lists)
		a.Synced(epoch.Add(-3 * time.Second))
	})
	if err := st.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// status returns the status of an exporter with problems.
func status() Status {
	return Status{
		Status: syncer.Status{
			Ended: epoch.Add(-3 * time.Second), Took: 1234 * time.Millisecond, Result: syncer.Partial,
			Problems: []syncer.Problem{
				{Operation: client.OpListEvents, EndpointID: "ep-good", Err: errors.New("status 500 " + breakout), Since: epoch.Add(-time.Hour)},
			},
		},
		Requests: 12345, Failed: 7,
		Limits: ratelimit.Limits{Configured: 20, Current: 10, PausedUntil: epoch.Add(30 * time.Second)},
	}
}

func options() Options {
	return Options{
		MetricsPath: "/metrics", Window: 24 * time.Hour, Version: "1.2.3", Status: status,
		Now: func() time.Time { return epoch },
	}
}

func filled(t testing.TB, o Options) *Pages {
	t.Helper()
	st := openState(t, policy())
	account(t, st)
	return New(st, o)
}

func get(p http.Handler, path string) (*http.Response, string) {
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	body, _ := io.ReadAll(w.Result().Body)
	return w.Result(), string(body)
}

// ask is get with a header.
func ask(p http.Handler, path, header, value string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	r.Header.Set(header, value)
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

// brokenState has no data.
type brokenState struct{ State }

func (brokenState) View(time.Time) *ledger.View { panic("no view: s3cr3t") }
func (brokenState) Failure() error              { return errors.New("disk full") }
