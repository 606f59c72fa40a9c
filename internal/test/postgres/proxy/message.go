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

// longest is longer than any message in a test.
const longest = 64 << 20

// message is a message of the protocol: a letter, a length that includes itself, and a body.
// See https://www.postgresql.org/docs/current/protocol-message-formats.html.
type message struct {
	raw     []byte
	cancels bool // this first message is a CancelRequest
}

// kind returns the letter.
func (m message) kind() byte { return m.raw[0] }

// body returns what follows the length.
func (m message) body() []byte { return m.raw[5:] }

func readMessage(r *bufio.Reader) (message, error) {
	head, err := r.Peek(5)
	if err != nil {
		return message{}, err
	}
	return readRaw(r, 1, binary.BigEndian.Uint32(head[1:]))
}

// readRaw reads a message of known length, without the letter.
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

// start reads the first message, which has no letter. It refuses encryption, because the
// proxy has to read the messages.
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

// awaited reports whether the client waits for an answer to a message. Messages that prepare,
// bind, describe, run and close a statement come before such a message, usually in the same
// packet.
func (m message) awaited() bool { return !bytes.ContainsRune([]byte("PBDEC"), rune(m.kind())) }

var commits = regexp.MustCompile(`(?i)(^|;)\s*commit\s*(;|$)`)

// commit reports whether a client's message makes the server commit, and remembers prepared
// statements that do.
func (c *connection) commit(m message) bool {
	switch m.kind() {
	case 'Q': // a query as text
		text, _, err := cString(m.body())
		return err == nil && commits.Match(text)
	case 'P': // prepares a statement: name, text
		name, rest, err := cString(m.body())
		if err != nil {
			return false
		}
		text, _, err := cString(rest)
		c.commits[string(name)] = err == nil && commits.Match(text)
	case 'B': // runs a statement: name of the portal, name of the statement
		_, rest, err := cString(m.body())
		if err != nil {
			return false
		}
		name, _, err := cString(rest)
		return err == nil && c.commits[string(name)]
	}
	return false
}

// committed reports whether a server's message confirms a commit.
func (m message) committed() bool {
	return m.kind() == 'C' && bytes.Equal(m.body(), []byte("COMMIT\x00"))
}

// idle reports whether a server's message says that no transaction is open.
func (m message) idle() bool { return m.kind() == 'Z' && bytes.Equal(m.body(), []byte("I")) }

var errNoString = errors.New("proxy: no end of a string")

// cString returns a string that ends with a zero byte, and what follows it.
func cString(b []byte) (text, rest []byte, err error) {
	text, rest, found := bytes.Cut(b, []byte{0})
	if !found {
		return nil, nil, errNoString
	}
	return text, rest, nil
}
