package client

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// plain reads a string of at most n bytes as valid UTF-8 and without the key. What
// is no string is skipped and counts as empty; ok is false where it is not even null.
func (d *decoder) plain(key Secret, n int) (s string, ok bool, err error) {
	switch d.json.PeekKind() {
	case jsontext.KindString:
		raw, _, err := d.str()
		return key.fit(raw, n), true, err
	case jsontext.KindNull:
		return "", true, d.skip()
	}
	return "", false, d.skip()
}

// time reads a time in RFC 3339; all else counts as the zero time.
func (d *decoder) time() (time.Time, error) {
	s, _, err := d.plain(Secret{}, len("2006-01-02T15:04:05.999999999+00:00"))
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, nil //nolint:nilerr // see above
	}
	return t, nil
}

// prose reads what a receiver said: a string, or any other value as it stands, and
// nothing for null. It is valid until the next read.
func (d *decoder) prose() ([]byte, error) {
	raw, err := d.json.ReadValue()
	switch {
	case err != nil || raw.Kind() == jsontext.KindNull:
		return nil, err
	case raw.Kind() == jsontext.KindString:
		return d.unquote(raw), nil
	}
	return raw, nil
}
