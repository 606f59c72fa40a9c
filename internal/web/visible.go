package web

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// visible makes characters visible that a browser would not show: marks that change the
// direction of text, and characters without a width. Both can make one id look like
// another. Attributes stay as they are, so that links still work.
func visible(page []byte) []byte {
	if bytes.IndexFunc(page, obeyed) < 0 {
		return page
	}
	var b bytes.Buffer
	inTag := false
	for len(page) > 0 {
		r, size := utf8.DecodeRune(page)
		switch {
		case r == '<' || r == '>': // templates escape those of texts and attributes
			inTag = r == '<'
			b.WriteRune(r)
		case !inTag && obeyed(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.Write(page[:size])
		}
		page = page[size:]
	}
	return b.Bytes()
}

func obeyed(r rune) bool {
	if r >= ' ' && r <= '~' { // nearly all of a page
		return false
	}
	return r != '\n' && r != '\t' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
