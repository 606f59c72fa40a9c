package client

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	redacted     = "[redacted]"
	maxErrorText = 300 // bytes of foreign text in an error
	maxHint      = 200 // bytes of an error's body that are worth a quote
)

// secret is an API key on its way to the API. It does not print.
type secret string

// String keeps the key out of formatted text.
func (s secret) String() string { return redacted }

// GoString keeps the key out of formatted text.
func (s secret) GoString() string { return redacted }

// redact replaces the key in text, as it is and as URLs escape it: a server may
// echo what it was sent.
func (s secret) redact(text string) string {
	if s == "" {
		return text
	}
	for _, form := range []string{string(s), url.QueryEscape(string(s)), url.PathEscape(string(s))} {
		text = strings.ReplaceAll(text, form, redacted)
	}
	return text
}

// within reports whether text holds the key: what does is no id, for ids are shown.
func (s secret) within(text []byte) bool {
	return s != "" && len(text) >= len(s) && s.redact(string(text)) != string(text)
}

var urlLike = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>]*`)

// hostOnly reduces all that looks like a URL to its host.
func hostOnly(text string) string {
	return urlLike.ReplaceAllStringFunc(text, func(found string) string {
		_, rest, _ := strings.Cut(found, "://")
		// A password may hold any character: the host is behind the last @.
		rest = rest[strings.LastIndexByte(rest, '@')+1:]
		if end := strings.IndexAny(rest, `/?#\`); end >= 0 {
			rest = rest[:end]
		}
		return rest
	})
}

// scrub makes foreign text fit for an error: no key, no URL, one short line.
func (s secret) scrub(text string) string {
	text = hostOnly(s.redact(text))
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return cut(text, maxErrorText)
}

// scrubError hides err's own text, and every *url.Error in it, which holds the URL,
// but not what it is.
func (s secret) scrubError(err error) error {
	for outer, ok := errors.AsType[*url.Error](err); ok; outer, ok = errors.AsType[*url.Error](err) {
		err = outer.Err
	}
	return &scrubbed{s.scrub(err.Error()), err}
}

// hint returns the body of an error as a quote, or nothing where it is not one
// short line of plain text. A backslash could be the escape that hides the key.
func (s secret) hint(body []byte) string {
	text := strings.TrimSpace(string(body))
	plain := func(r rune) bool { return unicode.IsPrint(r) && r != '\\' }
	if text == "" || len(text) > maxHint || text[0] == '<' || !utf8.ValidString(text) ||
		strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return ""
	}
	return ": " + s.scrub(text)
}

// cut returns the first n bytes of text, or less where that would split a rune.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
