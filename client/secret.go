package client

import "strings"

// secret is an API key on its way to the API. It does not print.
type secret string

// String keeps the key out of formatted text.
func (s secret) String() string { return redacted }

// GoString keeps the key out of formatted text.
func (s secret) GoString() string { return redacted }

// redact replaces the key in text, however it is spelled: a server can echo what it
// was sent.
func (s secret) redact(text string) string {
	if s == "" {
		return text
	}
	key := plainOf(string(s))
	return replaceSpelled(text, func(plain string) (found []replacement) {
		for from := 0; ; {
			i := strings.Index(plain[from:], key)
			if i < 0 {
				return found
			}
			found = append(found, replacement{from + i, from + i + len(key), redacted})
			from += i + len(key)
		}
	})
}

// within reports whether text holds the key: what does is no id, for ids are shown.
func (s secret) within(text []byte) bool {
	return s != "" && len(text) >= len(s) && s.redact(string(text)) != string(text)
}

// fit returns the first n bytes of foreign text, as valid UTF-8 and without the key.
func (s secret) fit(text []byte, n int) string {
	return cut(s.redact(strings.ToValidUTF8(string(text), "\uFFFD")), n)
}
