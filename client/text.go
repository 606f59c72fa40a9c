package client

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// plain reads a string of at most n bytes, as valid UTF-8 and without the key. Anything else
// is skipped and becomes empty; ok is false unless it is null.
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

// time reads a time in RFC 3339. Anything else becomes the zero time.
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

// prose reads a receiver's text: a string, any other value as its JSON text, and nothing for
// null. It is valid until the next read.
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
