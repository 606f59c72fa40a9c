package client

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	readAhead  = 64 << 10  // bytes; HTTP/2 returns its data in small pieces otherwise
	maxRecycle = 256 << 10 // a decoder that has grown beyond this is dropped
	maxDepth   = 1000      // of nested values
)

// lenient accepts what a malformed event can contain, so that one event does not make a whole
// endpoint unreadable.
var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// decoder reads an answer as JSON tokens. It only fails on broken syntax, a broken body, or a
// value above its limit.
type decoder struct {
	json  *jsontext.Decoder
	body  *bufio.Reader
	text  []byte // the last string that text has read
	left  int64  // bytes of the body that can still be read, see allow
	limit int64  // the last limit set by allow
	what  string // what the limit applies to
	grown bool
	err   error // the first error of the body; nil at its regular end
}

var decoders = sync.Pool{New: func() any {
	d := &decoder{body: bufio.NewReaderSize(nil, readAhead)}
	d.json = jsontext.NewDecoder(d, lenient...)
	return d
}}

// newDecoder returns a decoder of r. Recycle it when it is no longer used.
func newDecoder(r io.Reader) *decoder {
	d := decoders.Get().(*decoder)
	d.body.Reset(r)
	d.json.Reset(d, lenient...)
	d.left, d.limit, d.err = 0, 0, nil
	return d
}

func (d *decoder) recycle() {
	d.allow(0, "")
	if !d.grown {
		d.body.Reset(nil)
		decoders.Put(d)
	}
}

// allow limits how much can be read from here on. what names the limited part in errors.
func (d *decoder) allow(bytes int64, what string) {
	d.grown = d.grown || d.limit-d.left > maxRecycle
	d.left, d.limit, d.what = bytes, bytes, what
}

// Read reads from the body for the JSON decoder.
func (d *decoder) Read(p []byte) (int, error) {
	if d.left <= 0 {
		d.err = fmt.Errorf("%w: more than %d bytes in %s", ErrTooLarge, d.limit, d.what)
		return 0, d.err
	}
	n, err := d.body.Read(p[:min(int64(len(p)), d.left)])
	d.left -= int64(n)
	if err != nil && err != io.EOF {
		d.err = err
	}
	return n, err
}

// open reads the start of an array or an object.
func (d *decoder) open(kind jsontext.Kind) error {
	switch got := d.json.PeekKind(); got {
	case kind, jsontext.KindInvalid:
		_, err := d.json.ReadToken()
		return d.fault(err)
	default:
		return fmt.Errorf("%w: %s instead of %s", ErrBadPayload, kindName(got), kindName(kind))
	}
}

// openList reads the start of an array. null is an empty one: that is how a server
// in Go writes a slice with nothing in it.
func (d *decoder) openList() (empty bool, err error) {
	if d.json.PeekKind() == jsontext.KindNull {
		return true, d.fault(d.skip())
	}
	return false, d.open(jsontext.KindBeginArray)
}

// fault describes the cause of an error of the JSON decoder.
func (d *decoder) fault(err error) error {
	switch {
	case err == nil:
		return nil
	case d.err != nil:
		return d.err
	case errors.Is(err, ErrTooLarge), errors.Is(err, ErrBadPayload):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		if d.json.InputOffset() == 0 {
			return fmt.Errorf("%w: empty", ErrBadPayload)
		}
		return fmt.Errorf("%w: cut off after byte %d", ErrBadPayload, d.json.InputOffset())
	}
	return fmt.Errorf("%w: invalid JSON after byte %d", ErrBadPayload, d.json.InputOffset())
}

var errTooDeep = fmt.Errorf("%w: more than %d nested values", ErrTooLarge, maxDepth)

// skip skips a value. Neither an object nor an array is held in memory.
func (d *decoder) skip() error {
	for depth := d.json.StackDepth(); ; {
		if _, err := d.json.ReadToken(); err != nil {
			return err
		}
		switch now := d.json.StackDepth(); {
		case now <= depth:
			return nil
		case now > maxDepth:
			return errTooDeep
		}
	}
}

// name reads the name of an object's next member. More is false at the end of the
// object, which it reads too. The name is valid until the next read.
func (d *decoder) name() (name []byte, more bool, err error) {
	if d.json.PeekKind() == jsontext.KindEndObject {
		_, err := d.json.ReadToken()
		return nil, false, err
	}
	raw, err := d.json.ReadValue()
	if err != nil {
		return nil, false, err
	}
	return d.unquote(raw), true, nil
}

// members calls read with the name of each member of an object; read must read its value. A
// value that is not an object is skipped.
func (d *decoder) members(read func(name []byte) error) error {
	if d.json.PeekKind() != jsontext.KindBeginObject {
		return d.skip()
	}
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	for {
		name, more, err := d.name()
		if err != nil || !more {
			return err
		}
		if err := read(name); err != nil {
			return err
		}
	}
}

// unquote returns the content of a JSON string, valid until the next read. It can contain
// invalid UTF-8 if the string does.
func (d *decoder) unquote(raw jsontext.Value) []byte {
	inner := raw[1 : len(raw)-1]
	for _, c := range inner { // most are too short for bytes.IndexByte to pay
		if c == '\\' {
			// The error reports invalid UTF-8, which is replaced.
			d.text, _ = jsontext.AppendUnquote(d.text[:0], raw)
			return d.text
		}
	}
	return inner
}

// str reads a string. null becomes the empty string. ok is false for all else. The string is
// valid until the next read.
func (d *decoder) str() (s []byte, ok bool, err error) {
	raw, err := d.json.ReadValue()
	if err != nil {
		return nil, false, err
	}
	switch raw.Kind() {
	case jsontext.KindNull:
		return nil, true, nil
	case jsontext.KindString:
		return d.unquote(raw), true, nil
	}
	return nil, false, nil
}

// integer reads a number, in quotes or not, and drops its fraction. Numbers beyond int64
// become the nearest one. known is false for null, ok is false for anything but a number or
// null.
func (d *decoder) integer() (n int64, known, ok bool, err error) {
	switch d.json.PeekKind() {
	case jsontext.KindNumber:
		token, err := d.json.ReadToken()
		if err != nil {
			return 0, false, false, err
		}
		n, _ = token.Int() // the error reports a fraction, or a number out of range
		return n, true, true, nil
	case jsontext.KindString:
		text, _, err := d.str()
		n, ok = quotedInt(string(text))
		return n, ok, ok, err
	}
	_, ok, err = d.str()
	return 0, false, ok, err
}

// quotedInt returns the number in a string.
func quotedInt(text string) (n int64, ok bool) {
	number := jsontext.Value(text)
	if number.Kind() != jsontext.KindNumber || !number.IsValid() {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		return n, true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, false
	}
	n, _ = jsontext.Float(f).Int()
	return n, true
}

// idText reads an id: a string, or the text of a number. Anything else becomes empty. The
// text is valid until the next read.
func (d *decoder) idText() (text []byte, err error) {
	raw, err := d.json.ReadValue()
	if err != nil {
		return nil, err
	}
	switch raw.Kind() {
	case jsontext.KindNumber:
		return raw, nil
	case jsontext.KindString:
		return d.unquote(raw), nil
	}
	return nil, nil
}

func kindName(kind jsontext.Kind) string {
	switch kind {
	case jsontext.KindBeginObject:
		return "an object"
	case jsontext.KindBeginArray:
		return "an array"
	case jsontext.KindString:
		return "a string"
	case jsontext.KindNumber:
		return "a number"
	}
	return kind.String()
}
