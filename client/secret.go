package client

import "strings"

// Secret is a text that does not show itself, however it is printed: the API key, from
// the configuration to the API. It holds a pointer because fmt calls no methods on the
// unexported fields of a struct: a Secret inside one then shows as an address.
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

// redact replaces the secret in text, however it is spelled: a server can echo what it
// was sent.
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

// within reports whether text contains the secret. Such a text is no id, for ids are shown.
func (s Secret) within(text []byte) bool {
	secret := s.Reveal()
	return secret != "" && len(text) >= len(secret) && s.redact(string(text)) != string(text)
}

// fit returns the first n bytes of foreign text, as valid UTF-8 and without the secret.
func (s Secret) fit(text []byte, n int) string {
	return cut(s.redact(strings.ToValidUTF8(string(text), "\uFFFD")), n)
}
