package client

import (
	"cmp"
	"errors"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	redacted     = "[redacted]"
	maxErrorText = 300 // bytes of the API's text in an error
	maxHint      = 200 // bytes of an error's body that are quoted
)

// redactor removes secrets from texts of others: the key, and the parts of URLs that the
// detail hides. If it knows the URL of the call's endpoint, it finds the secret parts of that
// URL anywhere. Otherwise it hides every word that can contain one. The zero value hides the
// paths of all URLs.
type redactor struct {
	key    Secret
	detail URLDetail
	urls   []string // of the endpoint, as the API sent them
	blind  bool     // the endpoint's URL is unknown

	own []ownSecret // of urls; nil until needed
}

// ownSecret is a secret part of the endpoint's URL, in plain spelling.
type ownSecret struct {
	text  string
	shown string
	path  bool // it follows the host
}

const (
	minSecret = 8 // bytes of a secret that is removed even inside a word
	minAlone  = 6 // bytes of a password or query value that is removed on its own

	// maxWords limits how much of a text is checked. It is more than any text that is kept,
	// so that a secret at the cut is found.
	maxWords = 64 << 10
)

// words returns a text that people can see: without the key, and with URLs and paths reduced
// as the detail allows.
func (r *redactor) words(text string) string {
	return r.guess(r.detail.reducePaths(r.detail.reduceURLs(r.ownIn(r.key.redact(text)))))
}

// urlsIn is words, but keeps paths that belong to no known URL.
func (r *redactor) urlsIn(text string) string {
	return r.guess(r.detail.reduceURLs(r.ownIn(r.key.redact(text))))
}

// ownIn removes the secrets of the endpoint's own URL from a text.
func (r *redactor) ownIn(text string) string {
	if len(r.urls) == 0 {
		return text
	}
	if r.own == nil {
		for _, raw := range r.urls {
			r.own = append(r.own, secretsOf(raw, r.detail)...)
		}
	}
	return replaceSpelled(text, func(plain string) (found []replacement) {
		for _, s := range r.own {
			for from := 0; ; {
				i := strings.Index(plain[from:], s.text)
				if i < 0 {
					break
				}
				i += from
				from = i + len(s.text)
				if shown, ok := s.at(plain, i); ok {
					found = append(found, replacement{i, from, shown})
				}
			}
		}
		return sorted(found)
	})
}

// at returns the replacement for the secret that plain has at i. ok is false if a short
// secret is only part of a word.
func (s *ownSecret) at(plain string, i int) (shown string, ok bool) {
	before, _ := utf8.DecodeLastRuneInString(plain[:i])
	behind, _ := utf8.DecodeRuneInString(plain[i+len(s.text):])
	if s.path && isWord(before) { // part of a host
		return "", len(s.text) >= minSecret || !isWord(behind)
	}
	return s.shown, len(s.text) >= minSecret || !isWord(before) && !isWord(behind)
}

func isWord(r rune) bool {
	return r != utf8.RuneError && (r == '_' || r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r))
}

// secretsOf returns the secret parts of a URL.
func secretsOf(raw string, detail URLDetail) (all []ownSecret) {
	add := func(text, shown string, atLeast int) {
		if text = plainOf(text); len(text) >= atLeast {
			all = append(all, ownSecret{text: text, shown: shown})
		}
	}
	_, rest, found := strings.Cut(raw, "://")
	if !found {
		rest = raw
	}
	rest, fragment, _ := strings.Cut(rest, "#")
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(authority, '@'); at > 0 {
		user, password, _ := strings.Cut(authority[:at], ":")
		add(authority[:at]+"@", "", 0)
		add(authority[:at], redacted, minAlone)
		add(cmp.Or(password, user), redacted, minAlone)
	}
	if query != "" {
		add("?"+query, "", 0)
		add(query, redacted, 0)
		for _, pair := range strings.Split(query, "&") {
			_, value, _ := strings.Cut(pair, "=")
			add(value, redacted, minAlone)
		}
	}
	add(fragment, redacted, minAlone)
	if path = plainOf(strings.TrimRight(path, "/")); detail != URLPath && path != "" {
		all = append(all, ownSecret{text: "/" + path, shown: hiddenURL, path: true})
		if strings.Contains(path, "/") {
			add(path, hiddenURL, 0)
		}
	}
	return all
}

// fit returns the first 4 KiB of a redacted text, as valid UTF-8. Redact before cutting,
// because half of a secret cannot be found.
func (r *redactor) fit(text []byte) string {
	return cut(r.words(validText(text)), maxText)
}

// fitBody is fit for the first 1 KiB of a receiver's answer, which can contain many other
// paths.
func (r *redactor) fitBody(text []byte) string {
	return cut(r.urlsIn(validText(text)), maxReply)
}

// cause returns a text without any URL, because words in URLs are the customer's: a host
// named dns.example.com is not a cause.
func (r *redactor) cause(text []byte) string {
	without := replaceSpelled(r.ownIn(r.key.redact(validText(text))), func(plain string) (found []replacement) {
		for _, at := range anyURL.FindAllStringIndex(plain, -1) {
			found = append(found, replacement{at[0], at[1], ""})
		}
		return found
	})
	return cut(without, maxText)
}

func validText(text []byte) string {
	return strings.ToValidUTF8(string(text[:min(len(text), maxWords)]), "\uFFFD")
}

// scrub makes a text of others fit for an error: one short line without secrets.
func (r *redactor) scrub(text string) string { return oneLine(r.words(text)) }

// oneLine makes one short line of a text.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return cut(text, maxErrorText)
}

// scrubError hides err's text, and every *url.Error in it, which contains the URL, but not
// what kind of error it is. It keeps paths, which are paths of files in errors of our own.
func (r *redactor) scrubError(err error) error {
	for outer, ok := errors.AsType[*url.Error](err); ok; outer, ok = errors.AsType[*url.Error](err) {
		err = outer.Err
	}
	return &scrubbed{oneLine(r.detail.reduceURLs(r.ownIn(r.key.redact(err.Error())))), err}
}

// hint returns the body of an error as a quote, or nothing unless it is one short line of
// plain text.
func (r *redactor) hint(body []byte) string {
	text := strings.TrimSpace(string(body))
	plain := func(r rune) bool { return unicode.IsPrint(r) && r != '\\' }
	if text == "" || len(text) > maxHint || text[0] == '<' || !utf8.ValidString(text) ||
		strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return ""
	}
	return ": " + r.scrub(text)
}

// cut returns the first n bytes of text, or less if that would split a rune.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
