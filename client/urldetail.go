package client

import (
	"net/url"
	"regexp"
	"strings"
	"sync"
)

// URLDetail is how much of an endpoint's URL is shown. The path of many webhooks is a secret,
// like their query and password. Empty means URLHost.
type URLDetail string

// The details of a URL.
const (
	URLHost URLDetail = "host" // host and port
	URLPath URLDetail = "path" // host, port and path
	URLNone URLDetail = "none"
)

// hiddenURL replaces a URL of which nothing is shown.
const hiddenURL = "(URL)"

// Reduce returns the shown part of a URL; nothing if it is not a URL.
func (d URLDetail) Reduce(raw string) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil || d == URLNone:
		return ""
	case d == URLPath:
		return u.Host + u.EscapedPath()
	}
	return u.Host
}

// ReduceShown is Reduce for a URL that is already reduced.
func (d URLDetail) ReduceShown(shown string) string {
	switch d {
	case URLPath:
		shown, _, _ := strings.Cut(shown, "?")
		return shown
	case URLNone:
		return ""
	default:
		host, _, _ := strings.Cut(shown, "/")
		return host
	}
}

// anyURL matches a URL with its scheme.
var anyURL = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^ \t\r\n"]*`)

// reduceURLs returns text with every URL in it reduced, in any spelling.
func (d URLDetail) reduceURLs(text string) string {
	if !hasSlash(text) { // faster than the regular expression
		return text
	}
	return replaceSpelled(text, func(plain string) (found []replacement) {
		for _, at := range anyURL.FindAllStringIndex(plain, -1) {
			raw := strings.TrimRight(plain[at[0]:at[1]], sentenceEnds)
			found = append(found, replacement{at[0], at[0] + len(raw), orHidden(d.Reduce(raw))})
		}
		return found
	})
}

// bareURL matches a URL without a scheme, or a path without a host, with the rest of its
// word, as in "lookup host/path" and "POST /path".
var bareURL = regexp.MustCompile(`(?:^|[\s"'` + "`" + `(<\[={,;])((?:[\w-]+(?:\.[\w-]+)+(?::\d+)?)?/[^\s"'` + "`" + `<>)\]}]+)`)

// reducePaths returns text without the paths in it, and with every URL without a scheme
// reduced. The path of a webhook is as secret as its URL.
func (d URLDetail) reducePaths(text string) string {
	if !hasSlash(text) {
		return text
	}
	return replaceSpelled(text, func(plain string) (found []replacement) {
		for _, at := range bareURL.FindAllStringSubmatchIndex(plain, -1) {
			raw := strings.TrimRight(plain[at[2]:at[3]], sentenceEnds)
			found = append(found, replacement{at[2], at[2] + len(raw), orHidden(d.ReduceShown(raw))})
		}
		return found
	})
}

// sentenceEnds are the characters that end a sentence, not the URL in it.
const sentenceEnds = ".,:;"

func orHidden(reduced string) string {
	if reduced == "" {
		return hiddenURL
	}
	return reduced
}

// knownURLs are the URLs of the account's endpoints, as the API sent them. Their secrets are
// removed from all texts about the endpoint. It is safe for concurrent use.
type knownURLs struct {
	mu   sync.RWMutex
	byID map[string][2]string // the newest one, and the one before
}

// learn applies a complete list of the account's endpoints.
func (k *knownURLs) learn(urls map[string]string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := make(map[string][2]string, len(urls))
	for id, raw := range urls {
		known := k.byID[id]
		if raw != known[0] {
			known = [2]string{raw, known[0]}
		}
		next[id] = known
	}
	k.byID = next
}

// of returns the URLs of an endpoint; none if it is unknown.
func (k *knownURLs) of(endpointID string) []string {
	k.mu.RLock()
	defer k.mu.RUnlock()
	known, ok := k.byID[endpointID]
	if !ok {
		return nil
	}
	return known[:]
}
