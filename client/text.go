package client

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// plain reads a string of at most n bytes as valid UTF-8 and without the key. What
// is no string is skipped and counts as empty; ok is false where it is not even null.
func (d *decoder) plain(key secret, n int) (s string, ok bool, err error) {
	switch d.json.PeekKind() {
	case jsontext.KindString:
		raw, _, err := d.str()
		return key.fit(raw, n), true, err
	case jsontext.KindNull:
		return "", true, d.skip()
	}
	return "", false, d.skip()
}

// fit returns the first n bytes of foreign text, as valid UTF-8. The key goes before
// the cut: half a key could not be found.
func (s secret) fit(text []byte, n int) string {
	return cut(s.redact(strings.ToValidUTF8(string(text), "\uFFFD")), n)
}

// time reads a time in RFC 3339; all else counts as the zero time.
func (d *decoder) time() (time.Time, error) {
	s, _, err := d.plain("", len("2006-01-02T15:04:05.999999999+00:00"))
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, nil //nolint:nilerr // see above
	}
	return t, nil
}

// prose reads what a receiver said: a string, or any other value as it stands. It
// is valid UTF-8 without the key, at most n bytes, and empty for null.
func (d *decoder) prose(key secret, n int) (string, error) {
	raw, err := d.json.ReadValue()
	if err != nil || raw.Kind() == jsontext.KindNull {
		return "", err
	}
	s := []byte(raw)
	if raw.Kind() == jsontext.KindString {
		s = d.unquote(raw)
	}
	return key.fit(s, n), nil
}
