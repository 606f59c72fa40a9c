package web

import (
	"fmt"
	"html/template"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"omegastream_exporter/internal/human"
	"omegastream_exporter/internal/ledger"
)

// functions can be called by the templates.
var functions = template.FuncMap{
	"ago":        func(now, t time.Time) template.HTML { return passing("ago", human.Ago(now, t), t, exact(t)) },
	"titled":     func(now, t time.Time, title string) template.HTML { return passing("ago", human.Ago(now, t), t, title) },
	"age":        func(now, t time.Time) template.HTML { return passing("age", age(now, t), t, exact(t)) },
	"exact":      exact,
	"machine":    func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"number":     number,
	"percent":    percent,
	"plural":     plural,
	"short":      short,
	"parted":     parted,
	"flagged":    flagged,
	"documented": func(eventType string) bool { return slices.Contains(ledger.DocumentedTypes(), eventType) },
}

// passing is a text that depends on the time of rendering, as an element that the browser
// keeps up to date, as "ago" or as "age".
func passing(as, text string, t time.Time, title string) template.HTML {
	element := text // one of ours
	if !t.IsZero() {
		element = ageElement + ` data-as="` + as + `" datetime="` + t.UTC().Format(time.RFC3339) +
			`" title="` + template.HTMLEscapeString(title) + `">` + text + `</time>`
	}
	return template.HTML(element) //nolint:gosec // the title is escaped, the rest is ours
}

// parted is an event type that breaks between its words.
func parted(eventType string) template.HTML {
	return template.HTML(typeWords.Replace(template.HTMLEscapeString(eventType))) //nolint:gosec // escaped
}

// flagged is a text in which no name of a flag breaks.
func flagged(text string) template.HTML {
	escaped := template.HTMLEscapeString(text)
	return template.HTML(flagNames.ReplaceAllString(escaped, `<code class="flag">$0</code>`)) //nolint:gosec // escaped
}

var flagNames = regexp.MustCompile(`--[a-z]+[a-z.-]*[a-z]`)

var typeWords = strings.NewReplacer("_", "_<wbr>", ".", ".<wbr>")

// short is the end of an id. The beginning of an id is the time of its creation.
func short(id string) string {
	if len(id) <= 10 {
		return id
	}
	return "…" + strings.ToValidUTF8(id[len(id)-6:], "")
}

// unix turns Unix seconds into a time, 0 into the zero time.
func unix(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// exact is a time to the second. It breaks into two lines after the date only.
func exact(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05\u00a0UTC")
}

// age says how long ago something began.
func age(now, t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return human.Span(max(time.Second, now.Sub(t).Truncate(time.Second)))
}

// windowName is the length of the window, as in its flag.
func windowName(d time.Duration) string {
	switch {
	case d > 48*time.Hour && d%(24*time.Hour) == 0:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return d.String()
}

// number is a whole number with separated thousands.
func number(n int) string {
	digits := strconv.Itoa(n)
	var groups []string
	for len(digits) > 3 {
		groups = append([]string{digits[len(digits)-3:]}, groups...)
		digits = digits[:len(digits)-3]
	}
	return strings.Join(append([]string{digits}, groups...), ",")
}

// plural is a number with its noun.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// percent never rounds a failure away: 99.996 % is not 100 %.
func percent(part, whole int) string {
	if whole == 0 {
		return "–"
	}
	share := 100 * float64(part) / float64(whole)
	if part == whole {
		return "100 %"
	}
	return strconv.FormatFloat(math.Floor(share*10)/10, 'f', -1, 64) + " %"
}

// codeText is a status code with its meaning. status is the API's text for it.
func codeText(c ledger.Code, reason ledger.Reason, status string) string {
	if c == ledger.CodeNone {
		return "no response" + reasonWords[reason]
	}
	code := c.String()
	if status == "" {
		status = http.StatusText(int(c))
	}
	return strings.TrimSpace(code + " " + strings.TrimSpace(strings.TrimPrefix(status, code)))
}

// reasonWords describe why there was no response.
var reasonWords = map[ledger.Reason]string{
	ledger.ReasonTimeout:     ": timeout",
	ledger.ReasonDNS:         ": DNS lookup failed",
	ledger.ReasonRefused:     ": connection refused",
	ledger.ReasonReset:       ": connection reset",
	ledger.ReasonTLS:         ": TLS error",
	ledger.ReasonNotRecorded: " was ever recorded",
}
