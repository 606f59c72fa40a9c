package client

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// The longest ids that the client accepts, in bytes. The API's own have 24.
const (
	maxEndpointID = 128
	maxEventID    = 256
)

// ValidEndpointID reports whether id can be requested and shown: it is not empty, has at most
// 128 bytes of valid UTF-8 without control characters or U+FFFD, the mark of a lost
// character, and is neither "." nor "..", which servers resolve in paths.
func ValidEndpointID(id string) bool { return validID([]byte(id), maxEndpointID) }

// ValidEventID is ValidEndpointID for events, whose ids can have 256 bytes.
func ValidEventID(id string) bool { return validID([]byte(id), maxEventID) }

func validID(id []byte, limit int) bool {
	if len(id) == 0 || len(id) > limit || string(id) == "." || string(id) == ".." {
		return false
	}
	for _, c := range id {
		if c < ' ' || c > '~' {
			return utf8.Valid(id) && !bytes.ContainsFunc(id, isUnfit)
		}
	}
	return true
}

func isUnfit(r rune) bool { return r == utf8.RuneError || isControl(r) }

func isControl(r rune) bool { return unicode.IsControl(r) }
