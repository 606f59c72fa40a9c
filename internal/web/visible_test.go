package web

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/internal/ledger"
)

var anyTag = regexp.MustCompile(`<[^>]*>`)

// Every page makes characters visible that have no width or change the direction of text.
// Links still find what contains them.
func TestHiddenCharactersAreSeen(t *testing.T) {
	t.Parallel()
	const (
		endpoint = "ep\u202e\u2066gnp"
		odd      = "ev\u200b\u202e1"
		kind     = "video.\u202ex"
	)
	st := openState(t, policy())
	st.Do(func(a *ledger.Account) {
		began := epoch.Add(-24 * time.Hour)
		a.List([]ledger.Found{{ID: endpoint, CompanyID: "co\u202e", Meta: ledger.Meta{URL: "h\u202e.example", Description: "d\u2028\x7f\u202e", Active: true, Events: []string{kind}}}}, began, began)
		live(a, map[string][]event{endpoint: {{odd, kind, epoch.Add(-time.Minute), []ledger.Answer{answered(503, "m\u202e")}}}})
	})
	if err := st.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := New(st, options())
	for path, want := range map[string]string{
		"/": `h\u202e.example`, "/endpoints/" + url.PathEscape(endpoint): `ev\u200b\u202e1`,
		"/events/" + url.PathEscape(odd): `ev\u200b\u202e1`, "/failures": `ev\u200b\u202e1`,
		"/failures?q=" + url.QueryEscape(odd): `ev\u200b\u202e1`, "/failures?type=" + url.QueryEscape(kind): `video.\u202ex`,
	} {
		response, body := get(p, path)
		text := anyTag.ReplaceAllString(body, "")
		if response.StatusCode != 200 || strings.ContainsFunc(text, obeyed) || !strings.Contains(text, want) {
			t.Errorf("%s: status %d\n%s", path, response.StatusCode, text)
		}
	}
}
