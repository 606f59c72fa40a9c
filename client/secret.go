package client

import (
	"bytes"
	"strings"
)

// Secret is a text that is not shown when printed, such as the API key. It contains a
// pointer, because fmt does not call methods on unexported fields: a Secret in one prints as
// an address.
type Secret struct{ text *string }

// NewSecret returns text as a secret.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal returns the text, empty for the zero Secret.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String implements fmt.Stringer.
func (s Secret) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return redacted }

// redact replaces the secret in text, in any spelling, because a server can echo it.
func (s Secret) redact(text string) string {
	if s.Reveal() == "" {
		return text
	}
	secret := plainOf(s.Reveal())
	return replaceSpelled(text, func(plain string) (found []replacement) {
		for from := 0; ; {
			i := strings.Index(plain[from:], secret)
			if i < 0 {
				return found
			}
			found = append(found, replacement{from + i, from + i + len(secret), redacted})
			from += i + len(secret)
		}
	})
}

// within reports whether text contains the secret. Such a text is not a valid id, because ids
// are shown.
func (s Secret) within(text []byte) bool {
	secret := s.Reveal()
	switch {
	case secret == "" || len(text) < len(secret):
		return false
	case !bytes.ContainsAny(text, escapes): // like almost every id
		return bytes.Contains(text, []byte(plainOf(secret)))
	}
	return s.redact(string(text)) != string(text)
}

// fit returns the first n bytes of a text of others, as valid UTF-8 and without the secret.
func (s Secret) fit(text []byte, n int) string {
	return cut(s.redact(strings.ToValidUTF8(string(text), "\uFFFD")), n)
}
