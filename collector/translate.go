package collector

import (
	"net/url"
	"regexp"
	"strings"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
)

// URLDetail says how much of an endpoint's URL is stored and shown: the path of
// many webhooks is a secret, like their query and password.
type URLDetail string

// The details of a URL.
const (
	URLHost URLDetail = "host" // host and port
	URLPath URLDetail = "path" // host, port and path
	URLNone URLDetail = "none"
)

// Reduce returns of a URL what may be shown.
func (d URLDetail) Reduce(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || d == URLNone {
		return ""
	}
	if d == URLPath {
		return ledger.Label(u.Host + u.EscapedPath())
	}
	return ledger.Label(u.Host)
}

// foundEndpoint returns an endpoint as the ledger keeps it.
func foundEndpoint(e client.Endpoint, d URLDetail) ledger.Found {
	return ledger.Found{ID: e.ID, CompanyID: ledger.Label(e.CompanyID), Meta: ledger.Meta{
		URL:         d.Reduce(e.URL),
		Description: ledger.Label(d.ReduceIn(e.Description)),
		Events:      e.Events,
		Active:      e.Active,
		CreatedAt:   e.CreatedAt,
		UpdatedAt:   e.UpdatedAt,
	}}
}

// answerOf returns what an event's detail says of its delivery.
func answerOf(e client.Event) ledger.Answer {
	if e.Response == nil {
		return ledger.Answer{}
	}
	return ledger.Answer{
		Responded:  true,
		StatusCode: e.Response.StatusCode,
		Reason:     ledger.ReasonOf(withoutURLs(e.Response.Message), e.Response.Status),
	}
}

func withoutURLs(text string) string {
	if !strings.Contains(text, "://") { // spares a detail the regular expression
		return text
	}
	return anyURL.ReplaceAllString(text, "")
}

// anyURL matches the endpoint's URL in the API's message. Its words are the
// customer's: a host named dns.example.com is no reason.
var anyURL = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^ \t\r\n"]*`)
