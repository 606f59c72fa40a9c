package proxy

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
)

// longest is more than any message of a test.
const longest = 64 << 20

// message is one of the protocol: a letter, a length that counts itself, and a
// body. See https://www.postgresql.org/docs/current/protocol-message-formats.html.
type message struct {
	raw     []byte
	cancels bool // a first message that is a CancelRequest
}

// kind is the letter.
func (m message) kind() byte { return m.raw[0] }

// body is what follows the length.
func (m message) body() []byte { return m.raw[5:] }

func readMessage(r *bufio.Reader) (message, error) {
	head, err := r.Peek(5)
	if err != nil {
		return message{}, err
	}
	return readRaw(r, 1, binary.BigEndian.Uint32(head[1:]))
}

// readRaw reads a message whose length, without the letter, is known.
func readRaw(r *bufio.Reader, letter int, length uint32) (message, error) {
	if length < 4 || length > longest {
		return message{}, fmt.Errorf("proxy: a message of %d bytes", length)
	}
	m := message{raw: make([]byte, letter+int(length))}
	_, err := io.ReadFull(r, m.raw)
	return m, err
}

// What a first message can be besides the start of a session.
const (
	cancelRequest = 80877102
	sslRequest    = 80877103
	gssRequest    = 80877104
)

// start reads the first message, which has no letter. A wish for encryption is
// answered with no: the proxy has to read along.
func (c *connection) start(r *bufio.Reader) (message, error) {
	for {
		head, err := r.Peek(8)
		if err != nil {
			return message{}, err
		}
		m, err := readRaw(r, 0, binary.BigEndian.Uint32(head))
		if err != nil {
			return message{}, err
		}
		switch binary.BigEndian.Uint32(m.raw[4:]) {
		case sslRequest, gssRequest:
			if _, err := c.client.Write([]byte{'N'}); err != nil {
				return message{}, err
			}
		case cancelRequest:
			m.cancels = true
			return m, nil
		default:
			return m, nil
		}
	}
}

// awaited reports whether a client waits for an answer to a message. Those that prepare,
// bind, describe, run and close a statement come before one of that kind, most often in
// the same packet.
func (m message) awaited() bool { return !bytes.ContainsRune([]byte("PBDEC"), rune(m.kind())) }

var commits = regexp.MustCompile(`(?i)(^|;)\s*commit\s*(;|$)`)

// commit reports whether a message of the client makes the server commit, and
// remembers prepared statements that do.
func (c *connection) commit(m message) bool {
	switch m.kind() {
	case 'Q': // a query as text
		text, _, err := cString(m.body())
		return err == nil && commits.Match(text)
	case 'P': // prepares a statement: its name, its text
		name, rest, err := cString(m.body())
		if err != nil {
			return false
		}
		text, _, err := cString(rest)
		c.commits[string(name)] = err == nil && commits.Match(text)
	case 'B': // runs one: the name of the portal, that of the statement
		_, rest, err := cString(m.body())
		if err != nil {
			return false
		}
		name, _, err := cString(rest)
		return err == nil && c.commits[string(name)]
	}
	return false
}

// committed reports whether a message of the server says that it has committed.
func (m message) committed() bool {
	return m.kind() == 'C' && bytes.Equal(m.body(), []byte("COMMIT\x00"))
}

// idle reports whether a message of the server says that no transaction is under way.
func (m message) idle() bool { return m.kind() == 'Z' && bytes.Equal(m.body(), []byte("I")) }

var errNoString = errors.New("proxy: no end of a string")

// cString returns a string that ends with a zero byte, and what follows.
func cString(b []byte) (text, rest []byte, err error) {
	text, rest, found := bytes.Cut(b, []byte{0})
	if !found {
		return nil, nil, errNoString
	}
	return text, rest, nil
}
