package ledger

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Prose returns text from elsewhere as it may be kept and shown in one line:
// valid UTF-8 of at most limit bytes, without anything that a terminal or a page
// would obey instead of showing it, which is escaped.
func Prose(text string, limit int) string { return plain(strings.TrimSpace(text), limit, "") }

// Passage is [Prose] that keeps its lines and tabs.
func Passage(text string, limit int) string { return plain(text, limit, "\n\t") }

func plain(text string, limit int, allowed string) string {
	var b strings.Builder
	for _, r := range text { // a bad byte is read as U+FFFD
		shown := string(r)
		if !unicode.IsPrint(r) && !strings.ContainsRune(allowed, r) {
			shown = escaped(r)
		}
		if b.Len()+len(shown) > limit {
			return cutTo(b.String(), limit)
		}
		b.WriteString(shown)
	}
	return b.String()
}

const ellipsis = "…"

// cutTo makes room for an ellipsis at the end of text.
func cutTo(text string, limit int) string {
	for len(text)+len(ellipsis) > limit {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text + ellipsis
}

// escaped returns a rune that does not print: a control, a mark of direction, a
// separator of lines or a space that is none.
func escaped(r rune) string {
	switch r {
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	}
	if r < 0x100 {
		return fmt.Sprintf(`\x%02x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}
