package ledger

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Prose makes text from elsewhere safe to keep and show in one line: valid UTF-8 of at most
// limit bytes, in which everything that a terminal or page would interpret is escaped.
func Prose(text string, limit int) string { return plain(strings.TrimSpace(text), limit, "") }

// Passage is [Prose], but keeps line breaks and tabs.
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

// escaped escapes a rune that does not print: a control character, a direction mark, a line
// separator or an unusual space.
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
