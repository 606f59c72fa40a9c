package syncer

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
		return ledger.Answer{Video: ledger.Video(e.Video)}
	}
	return ledger.Answer{
		Video:      ledger.Video(e.Video),
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

// wordsOf returns the texts of an event's response as they may be stored. bodies
// says whether what the receiver answered may be.
func wordsOf(r *client.Response, d URLDetail, bodies bool) ledger.Words {
	if r == nil {
		return ledger.Words{}
	}
	words := ledger.Words{Status: d.ReduceIn(r.Status), Message: d.ReduceIn(r.Message)}
	if bodies {
		words.Body = r.Body
	}
	return words
}

// ReduceIn returns text with every URL in it reduced to what may be shown, and
// with every path without a host left out: that of a webhook is as good as its
// URL.
func (d URLDetail) ReduceIn(text string) string {
	if !strings.Contains(text, "/") { // both expressions want one, and cost a tenth of a detail
		return text
	}
	text = anyURL.ReplaceAllStringFunc(text, func(word string) string {
		raw, end := sentenceEnd(word)
		return orHidden(d.Reduce(raw)) + end
	})
	return bareURL.ReplaceAllStringFunc(text, func(word string) string {
		raw := strings.TrimLeft(word, delimiters)
		before := word[:len(word)-len(raw)]
		raw, end := sentenceEnd(raw)
		return before + orHidden(d.reduceBare(raw)) + end
	})
}

// reduceBare is Reduce for a URL without a scheme.
func (d URLDetail) reduceBare(raw string) string {
	switch d {
	case URLPath:
		shown, _, _ := strings.Cut(raw, "?")
		return shown
	case URLNone:
		return ""
	default:
		host, _, _ := strings.Cut(raw, "/")
		return host
	}
}

func orHidden(reduced string) string {
	if reduced == "" {
		return "(URL)"
	}
	return reduced
}

// sentenceEnd cuts off what ends the sentence and not the URL.
func sentenceEnd(word string) (raw, end string) {
	raw = strings.TrimRight(word, ".,:;")
	return raw, word[len(raw):]
}

const delimiters = " \t\r\n\"'`(<[={,;"

// bareURL matches a URL without a scheme, or a path without a host, of which the
// rest of a word is part: in "lookup host/path" as well as in "POST /path".
var bareURL = regexp.MustCompile(`(?:^|[\s"'` + "`" + `(<\[={,;])(?:[\w-]+(?:\.[\w-]+)+(?::\d+)?)?/[^\s"'` + "`" + `<>)\]}]+`)
